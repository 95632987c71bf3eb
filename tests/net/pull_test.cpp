// Whole pulls from a hub that has every fault in turn.

#include "net/pull.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/log.h"
#include "net/fake_hub.h"
#include "support.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::FakeHub;
using test::serve_ranges;
using test::ServerAnswer;
using test::ServerRequest;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* weights = "model.safetensors";

class Pull : public testing::Test {
 protected:
  Pull() { logger().set_level(spdlog::level::off); }
  ~Pull() override { logger().set_level(spdlog::level::info); }

  Hub client(const std::string& token = "") {
    RetryPolicy policy;
    policy.sleep = [this](double seconds) { pauses_.push_back(seconds); };
    return Hub(hub_.server.url(), {token, "HF_TOKEN"}, policy);
  }
  PullResult pull(const std::string& token = "") {
    Hub hub = client(token);
    return carry_out_pull(hub, request_, plan_pull(hub, request_));
  }
  std::string refusal(const std::string& token = "", Fault fault = Fault::input) {
    return error_of([&] { pull(token); }, fault);
  }
  // The next answers for the weights, one after the other; then the usual one.
  void answer_weights(std::vector<std::function<ServerAnswer(const ServerRequest&)>> answers) {
    auto left = std::make_shared<decltype(answers)>(std::move(answers));
    hub_.fault = [left](const ServerRequest& request) -> std::optional<ServerAnswer> {
      if (!request.target.ends_with(weights) || left->empty()) return std::nullopt;
      const auto next = left->front();
      left->erase(left->begin());
      return next(request);
    };
  }
  static auto status(int code, std::vector<std::string> headers = {}) {
    return [=](const ServerRequest&) {
      return ServerAnswer{.status = code, .headers = headers, .body = "{\"error\":\"some words\"}"};
    };
  }
  // The good answer, cut after so many bytes.
  auto cut(size_t bytes, const std::string& etag = "\"v1\"") {
    return [=, this](const ServerRequest& request) {
      ServerAnswer answer = serve_ranges(request, content(), etag);
      answer.cut_after = bytes;
      return answer;
    };
  }
  std::string content() const { return hub_.files.at(weights); }
  std::vector<std::string> ranges() const {
    std::vector<std::string> found;
    for (const auto& request : hub_.server.requests(weights)) found.push_back(request.header("range"));
    return found;
  }
  void expect_complete() const {
    for (const auto& [path, text] : hub_.files)
      EXPECT_TRUE(read_file(request_.directory / path) == text) << path;
    EXPECT_FALSE(fs::exists(pulling())) << "nothing is left behind";
  }
  fs::path pulling() const { return request_.directory.string() + ".pulling"; }

  FakeHub hub_;
  test::TemporaryFolder folder_;
  PullRequest request_ = {.repository = "org/name", .directory = folder_ / "name"};
  std::vector<double> pauses_;
};

TEST_F(Pull, BringsEveryFileAndRecordsTheCommit) {
  hub_.files["1_Pooling/config.json"] = "{\"a\":1}";
  hub_.files["copy.json"] = hub_.files["config.json"];  // the same content twice
  hub_.files["empty.txt"] = "";
  const PullResult result = pull();
  expect_complete();
  EXPECT_EQ(result.fetched_bytes, 50'000 + 2 + 7);
  const Json record = read_json_file(request_.directory / pull_record_name);
  EXPECT_EQ(record["commit"], test::some_commit);
  EXPECT_EQ(record["repository"], "org/name");
  EXPECT_THAT(pauses_, IsEmpty());
}

TEST_F(Pull, TheFilesAreThoseOfTheCommitThatTheBranchWas) {
  request_.revision = "refs/pr/1";
  pull();
  const auto requests = hub_.server.requests();
  EXPECT_EQ(requests.at(0).target, "/api/models/org/name/revision/refs%2Fpr%2F1?blobs=true");
  for (size_t i = 1; i < requests.size(); ++i)
    EXPECT_THAT(requests[i].target, HasSubstr("/resolve/" + test::some_commit + "/"));
}

TEST_F(Pull, ACutConnectionIsResumed) {
  answer_weights({cut(20'000), cut(10'000)});
  EXPECT_EQ(pull().fetched_bytes, 50'002);
  expect_complete();
  EXPECT_THAT(ranges(), ElementsAre("", "bytes=20000-", "bytes=30000-"));
  EXPECT_EQ(hub_.server.requests(weights).at(1).header("if-range"), "\"v1\"");
  EXPECT_EQ(pauses_.size(), 2u);
}

TEST_F(Pull, AServerThatIgnoresTheRangeBeginsAfresh) {
  answer_weights({cut(20'000), [this](const ServerRequest&) { return ServerAnswer{.body = content()}; }});
  pull();
  expect_complete();
  EXPECT_THAT(ranges(), ElementsAre("", "bytes=20000-"));
}

TEST_F(Pull, AWeakTagIsNotAskedFor) {
  answer_weights({cut(20'000, "W/\"v1\""),
                  [this](const ServerRequest& r) { return serve_ranges(r, content(), "W/\"v1\""); }});
  pull();
  expect_complete();
  EXPECT_EQ(hub_.server.requests(weights).at(1).header("if-range"), "");
  EXPECT_EQ(hub_.server.requests(weights).at(1).header("range"), "bytes=20000-");
}

TEST_F(Pull, AnotherTagBetweenAttemptsBeginsAfresh) {
  const std::string other(20'000, 'x');  // what an earlier version of the file had there
  answer_weights({[&](const ServerRequest&) {
    return ServerAnswer{
        .headers = {"ETag: \"old\""}, .body = other + std::string(30'000, 'x'), .cut_after = 20'000};
  }});
  pull();
  expect_complete();
  EXPECT_EQ(hub_.server.requests(weights).at(1).header("if-range"), "\"old\"");
}

TEST_F(Pull, AnotherTagOnThePartItselfBeginsAfresh) {
  // A server that does not know If-Range.
  answer_weights({cut(20'000), [this](const ServerRequest& request) {
                    ServerRequest unconditional = request;
                    unconditional.headers.erase("if-range");
                    return serve_ranges(unconditional, content(), "\"v2\"");
                  }});
  pull();
  expect_complete();
  EXPECT_THAT(ranges(), ElementsAre("", "bytes=20000-", ""));
}

TEST_F(Pull, APartFromElsewhereBeginsAfreshAndEnds) {
  const auto shifted = [this](const ServerRequest&) {
    return ServerAnswer{
        .status = 206, .headers = {"Content-Range: bytes 7-49999/50000"}, .body = content().substr(7)};
  };
  answer_weights({cut(20'000), shifted});
  pull();
  expect_complete();
  request_.overwrite = true;
  answer_weights({shifted, shifted, shifted, shifted});
  EXPECT_THAT(refusal(), HasSubstr("other than asked for"));
}

TEST_F(Pull, MorePartsThanOneAreTaken) {
  const auto at_most = [this](const ServerRequest& request) {
    ServerAnswer answer = serve_ranges(request, content());
    answer.body.resize(std::min<size_t>(answer.body.size(), 10'000));
    return answer;
  };
  answer_weights({cut(20'000), at_most, at_most});
  pull();
  expect_complete();
  EXPECT_THAT(ranges(), ElementsAre("", "bytes=20000-", "bytes=30000-", "bytes=40000-"));
}

TEST_F(Pull, AServerThatHasLessThanWeBeginsAfresh) {
  answer_weights({cut(20'000), status(416)});
  pull();
  expect_complete();
  EXPECT_THAT(ranges(), ElementsAre("", "bytes=20000-", ""));
}

TEST_F(Pull, TriesAgainAfter503WithPausesThatGrow) {
  answer_weights({status(503), status(502), status(500), status(503)});
  pull();
  expect_complete();
  ASSERT_EQ(pauses_.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_GE(pauses_[i], 0.5 * (1 << i));
    EXPECT_LE(pauses_[i], 1.0 * (1 << i));
  }
}

TEST_F(Pull, WaitsAsLongAsTheServerSays) {
  answer_weights({status(429, {"Retry-After: 0"}), status(429, {"Retry-After: 17"})});
  pull();
  expect_complete();
  EXPECT_THAT(pauses_, ElementsAre(0, 17));
}

TEST_F(Pull, ButNotForHours) {
  answer_weights({status(429, {"Retry-After: 7200"})});
  EXPECT_THAT(refusal("", Fault::resource), AllOf(HasSubstr("429"), HasSubstr("2h00m")));
  EXPECT_THAT(pauses_, IsEmpty());
}

TEST_F(Pull, GivesUpInTheEndAndGoesOnNextTime) {
  answer_weights({cut(20'000), status(503), status(503), status(503), status(503), status(503)});
  EXPECT_THAT(refusal("", Fault::resource),
              AllOf(HasSubstr("HTTP 503"), HasSubstr("goes on where this one stopped")));
  EXPECT_EQ(pauses_.size(), 5u);
  EXPECT_FALSE(fs::exists(request_.directory));
  const PullResult result = pull();
  EXPECT_EQ(result.resumed_bytes, 20'002);
  EXPECT_EQ(result.fetched_bytes, 30'000);
  expect_complete();
}

TEST_F(Pull, ABranchThatMovedKeepsWhatDidNotChange) {
  hub_.files["z.txt"] = "old";
  hub_.fault = [](const ServerRequest& request) -> std::optional<ServerAnswer> {
    if (!request.target.ends_with("z.txt")) return std::nullopt;
    return ServerAnswer{.status = 404};
  };
  refusal();
  hub_.fault = nullptr;
  hub_.files["z.txt"] = "new";
  hub_.commit = std::string(40, 'b');
  EXPECT_EQ(pull().fetched_bytes, 3) << "only z.txt";
  expect_complete();
}

TEST_F(Pull, WrongContentIsFetchedAgainOnceAndThenRefused) {
  const auto wrong = [](const ServerRequest&) { return ServerAnswer{.body = std::string(50'000, 'v')}; };
  answer_weights({wrong});
  pull();
  expect_complete();
  request_.overwrite = true;
  answer_weights({wrong, wrong});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("SHA-256"), HasSubstr("twice")));
  EXPECT_TRUE(read_file(request_.directory / weights) == content()) << "the old directory is as it was";
}

TEST_F(Pull, WrongContentInGitToo) {
  hub_.fault = [](const ServerRequest& request) -> std::optional<ServerAnswer> {
    if (!request.target.ends_with("config.json")) return std::nullopt;
    return ServerAnswer{.body = "[]"};
  };
  EXPECT_THAT(refusal(), HasSubstr("git blob id"));
}

TEST_F(Pull, AWrongLengthIsRefused) {
  const auto sized = [](size_t bytes) {
    return [=](const ServerRequest&) { return ServerAnswer{.body = std::string(bytes, 'w')}; };
  };
  answer_weights({sized(49'999), sized(49'999)});
  EXPECT_THAT(refusal(), HasSubstr("49999 bytes instead of 50000"));
  answer_weights({sized(5'000'000), sized(5'000'000)});
  EXPECT_THAT(refusal(), HasSubstr("more than 50000 bytes"));
  for (const auto& entry : fs::directory_iterator(pulling()))
    EXPECT_LE(entry.file_size(), 50'000u) << entry.path();
}

TEST_F(Pull, TheTokenStaysWithTheHub) {
  test::HttpServer storage([this](const ServerRequest& request) { return serve_ranges(request, content()); });
  answer_weights({[&](const ServerRequest&) {
    return ServerAnswer{.status = 302, .headers = {"Location: " + storage.url() + "/blob?signature=x"}};
  }});
  pull("hf_secret");
  expect_complete();
  for (const auto& request : hub_.server.requests())
    EXPECT_EQ(request.header("authorization"), "Bearer hf_secret");
  ASSERT_EQ(storage.requests().size(), 1u);
  EXPECT_EQ(storage.requests()[0].header("authorization"), "");
}

TEST_F(Pull, ARefusalOfTheStorageDoesNotBlameTheToken) {
  test::HttpServer storage([](const ServerRequest&) { return ServerAnswer{.status = 403}; });
  answer_weights({[&](const ServerRequest&) {
    return ServerAnswer{.status = 302, .headers = {"Location: " + storage.url() + "/blob?signature=x"}};
  }});
  EXPECT_THAT(refusal("hf_secret"),
              AllOf(HasSubstr(storage.url()), Not(HasSubstr("gated")), Not(HasSubstr("signature"))));
}

TEST_F(Pull, RefusalsTellWhatToDo) {
  const auto listing = [this](int code, std::vector<std::string> headers) {
    hub_.fault = [=](const ServerRequest&) {
      return ServerAnswer{.status = code, .headers = headers, .body = R"({"error":"their words"})"};
    };
  };
  listing(401, {});
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("is the name right?"), HasSubstr("HF_TOKEN"), HasSubstr("their words")));
  EXPECT_THAT(refusal("hf_x"), AllOf(HasSubstr("wrong or has expired"), Not(HasSubstr("hf_x"))));
  listing(404, {"X-Error-Code: RepoNotFound"});
  EXPECT_THAT(refusal(), HasSubstr("is the name right?"));
  listing(404, {"X-Error-Code: RevisionNotFound"});
  EXPECT_THAT(refusal(), HasSubstr("no revision 'main'"));
  listing(403, {"X-Error-Code: GatedRepo"});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("gated"), HasSubstr("/org/name"), HasSubstr("HF_TOKEN")));
  EXPECT_THAT(refusal("hf_x"), HasSubstr("ask for access"));
  EXPECT_FALSE(fs::exists(pulling())) << "nothing was begun";
}

TEST_F(Pull, AnEndlessListingIsCut) {
  hub_.fault = [](const ServerRequest&) { return ServerAnswer{.body = std::string(40 << 20, ' ')}; };
  EXPECT_THAT(refusal(), HasSubstr("32.0 MiB"));
}

TEST_F(Pull, AListingThatIsNoneIsRefused) {
  hub_.fault = [](const ServerRequest&) {
    return ServerAnswer{.body = "<html>sign in to the network</html>"};
  };
  EXPECT_THAT(refusal(), HasSubstr("not valid JSON"));
}

TEST_F(Pull, AHostileNameWritesNothing) {
  hub_.files["../../evil.json"] = "x";
  EXPECT_THAT(refusal(), HasSubstr("do not trust"));
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(Pull, AnExistingDirectoryIsKeptUnlessToldOtherwise) {
  fs::create_directory(request_.directory);
  write_file(request_.directory / "mine.txt", "mine");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("exists already"), HasSubstr("--overwrite")));
  request_.overwrite = true;
  pull();
  expect_complete();
  EXPECT_FALSE(fs::exists(request_.directory / "mine.txt"));
}

TEST_F(Pull, KnowsWhatIsHereAlready) {
  pull();
  Hub hub = client();
  EXPECT_TRUE(plan_pull(hub, request_).here_already);
  fs::remove(request_.directory / "config.json");
  EXPECT_FALSE(plan_pull(hub, request_).here_already);
  hub_.commit = std::string(40, 'b');
  EXPECT_FALSE(plan_pull(hub, request_).here_already);
}

TEST_F(Pull, UnknownSizesAndDigestsWork) {
  hub_.fault = [this, cut_once = false](const ServerRequest& request) mutable -> std::optional<ServerAnswer> {
    if (request.target.ends_with(weights) && !std::exchange(cut_once, true)) return cut(20'000)(request);
    if (!request.target.starts_with("/api/")) return std::nullopt;
    return ServerAnswer{
        .body = to_line({{"sha", test::some_commit},
                         {"siblings", {{{"rfilename", "config.json"}}, {{"rfilename", weights}}}}})};
  };
  pull();
  expect_complete();
  EXPECT_THAT(ranges(), ElementsAre("", "bytes=20000-"));
}

TEST_F(Pull, MoreThanTheDiskHoldsIsToldBeforehand) {
  hub_.fault = [](const ServerRequest& request) -> std::optional<ServerAnswer> {
    if (!request.target.starts_with("/api/")) return std::nullopt;
    return ServerAnswer{.body =
                            to_line({{"sha", test::some_commit},
                                     {"siblings", {{{"rfilename", weights}, {"size", int64_t{1} << 60}}}}})};
  };
  EXPECT_THAT(refusal("", Fault::resource), HasSubstr("free"));
  EXPECT_THAT(hub_.server.requests(weights), IsEmpty());
}

TEST_F(Pull, AFolderThatCannotBeWrittenIsAnError) {
  write_file(folder_ / "file", "");
  request_.directory = folder_ / "file" / "name";
  EXPECT_THAT(refusal(), HasSubstr("cannot create directory"));
}

TEST_F(Pull, TwoAtOnceDoNotMix) {
  std::string second;
  answer_weights({[&](const ServerRequest& request) {
    Hub hub = client();
    // The plan is made by hand: the server is busy with this very answer.
    second = error_of([&] { carry_out_pull(hub, request_, {.commit = test::some_commit}); });
    return serve_ranges(request, content());
  }});
  pull();
  EXPECT_THAT(second, HasSubstr("another coppice pull"));
  expect_complete();
}

}  // namespace
}  // namespace coppice
