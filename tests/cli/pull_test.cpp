#include <chrono>
#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <sys/wait.h>

#include "cli/process.h"
#include "net/fake_hub.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;
using test::FakeHub;
using test::run_coppice;
using test::ServerAnswer;
using test::ServerRequest;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(PullVerb, FetchesAndTellsTheNextCommand) {
  FakeHub hub;
  const test::TemporaryFolder folder;
  const std::string out = (folder / "name").string();
  const auto outcome = run_coppice({"pull", "org/name", "-o", out, "--endpoint", hub.server.url()});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr(out + "\n"), HasSubstr(hub.commit), HasSubstr("next: coppice info " + out)));
  EXPECT_TRUE(fs::exists(folder / "name/model.safetensors"));
  const auto again =
      run_coppice({"pull", "org/name", "-o", out, "--json"}, "HF_ENDPOINT=" + hub.server.url());
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(parse_json(again.out, "stdout")["here_already"], true);
}

TEST(PullVerb, ADryRunWritesNothing) {
  FakeHub hub;
  hub.files["pytorch_model.bin"] = "pickle";
  const test::TemporaryFolder folder;
  const auto outcome = run_coppice({"pull", "org/name", "--dry-run", "--json", "-o", (folder / "x").string()},
                                   "COPPICE_HUB_ENDPOINT=" + hub.server.url());
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "stdout");
  EXPECT_EQ(json["bytes"], 50'002);
  EXPECT_EQ(json["files"].size(), 2u);
  EXPECT_EQ(json["left_out"], Json::array({"pytorch_model.bin"}));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(PullVerb, UsageErrors) {
  EXPECT_EQ(run_coppice({"pull"}).exit_code, 2);
  EXPECT_THAT(run_coppice({"pull", "gpt2"}).err, HasSubstr("ORG/NAME"));
  EXPECT_EQ(run_coppice({"pull", "a/b", "--endpoint", "ftp://x"}).exit_code, 2);
  EXPECT_EQ(run_coppice({"pull", "a/b", "--revision", ""}).exit_code, 2);
}

TEST(PullVerb, AFullDiskIsAResourceErrorAndCanBeResumed) {
  FakeHub hub;
  const test::TemporaryFolder folder;
  const std::vector<std::string> words = {"pull",       "org/name",       "-o",    (folder / "x").string(),
                                          "--endpoint", hub.server.url(), "--json"};
  const auto outcome = run_coppice(words, "ulimit -f 16;");  // blocks of 512 bytes or of 1024
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("free some space"));
  EXPECT_FALSE(fs::exists(folder / "x"));
  const auto again = run_coppice(words);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_GE(parse_json(again.out, "stdout")["resumed_bytes"], 8192);
}

TEST(PullVerb, AKilledPullIsResumed) {
  FakeHub hub;
  const std::string content = hub.files["model.safetensors"];
  hub.fault = [&, first = true](const ServerRequest& request) mutable -> std::optional<ServerAnswer> {
    if (!request.target.ends_with(".safetensors") || !std::exchange(first, false)) return std::nullopt;
    ServerAnswer answer = test::serve_ranges(request, content);
    answer.cut_after = 20'000;
    answer.hang = true;
    return answer;
  };
  const test::TemporaryFolder folder;
  const std::string out = (folder / "x").string(), program = test::coppice_program().string(),
                    endpoint = hub.server.url();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::execl(program.c_str(), "coppice", "pull", "org/name", "-o", out.c_str(), "--endpoint", endpoint.c_str(),
            "--quiet", nullptr);
    ::_exit(127);
  }
  // Until it has written what the server gave; the server gives no more.
  uintmax_t written = 0;
  for (int i = 0; i < 3000 && written < 20'000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(out + ".pulling", ignored))
      if (entry.path().extension() == ".part" && entry.file_size(ignored) <= content.size())
        written = std::max(written, entry.file_size(ignored));
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(written, 20'000u);
  EXPECT_FALSE(fs::exists(out));

  const auto outcome = run_coppice({"pull", "org/name", "-o", out, "--endpoint", endpoint, "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(parse_json(outcome.out, "stdout")["fetched_bytes"], 30'000);
  EXPECT_EQ(hub.server.requests(".safetensors").back().header("range"), "bytes=20000-");
  EXPECT_TRUE(read_file(out + "/model.safetensors") == content);
}

TEST(PullVerb, OtherVerbsPointToIt) {
  EXPECT_THAT(run_coppice({"run", "org/name", "text"}).err, HasSubstr("coppice pull org/name"));
  EXPECT_THAT(run_coppice({"info", "../name"}).err, Not(HasSubstr("coppice pull")));
  EXPECT_THAT(run_coppice({"info", "org/name"}).err, HasSubstr("coppice pull org/name"));
}

}  // namespace
}  // namespace coppice
