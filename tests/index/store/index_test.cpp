// The index as a whole: what was committed is there, whatever happens between.

#include <csignal>
#include <map>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "index/search/searcher.h"
#include "index/store/index_writer.h"
#include "support.h"

namespace coppice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

IndexSpec text_spec() {
  IndexSpec spec;
  spec.text.emplace();
  spec.text->analyzer = analyzer_preset("english");
  spec.sparse.emplace();
  return spec;
}

IndexedDocument document(const std::string& id, const std::string& text) {
  IndexedDocument made;
  made.id = id;
  made.fields = {{"text", text}};
  return made;
}

std::vector<std::string> ids(const std::vector<Hit>& hits) {
  std::vector<std::string> found;
  for (const Hit& hit : hits) found.push_back(hit.id);
  return found;
}

std::vector<std::string> find(const std::filesystem::path& path, const std::string& query,
                              const std::string& filter = "", QuerySyntax syntax = QuerySyntax::operators) {
  IndexReader reader(path);
  Searcher searcher(reader);
  searcher.set_filter(filter);
  return ids(searcher.text(query, syntax, 100));
}

class IndexTest : public testing::Test {
 protected:
  test::TemporaryFolder folder;
  std::filesystem::path path = folder / "index";
};

TEST_F(IndexTest, AddsReplacesDeletesAndMerges) {
  create_index(path, text_spec());
  {
    IndexWriter writer(path);
    writer.add(std::vector{document("a", "red apples"), document("b", "green apples and pears")});
    EXPECT_TRUE(find(path, "apples").empty()) << "seen before the commit";
    const auto changes = writer.commit();
    EXPECT_EQ(changes.added, 2);
    EXPECT_THAT(find(path, "apples"), ElementsAre("a", "b"));
    writer.add(std::vector{document("a", "a yellow lemon"), document("c", "an apple")});
    EXPECT_TRUE(writer.remove("b"));
    EXPECT_FALSE(writer.remove("nothing"));
    const auto more = writer.commit();
    EXPECT_EQ(more.added, 1);
    EXPECT_EQ(more.replaced, 1);
    EXPECT_EQ(more.deleted, 1);
  }
  EXPECT_THAT(find(path, "apples"), ElementsAre("c"));
  EXPECT_THAT(find(path, "lemons"), ElementsAre("a"));
  {
    IndexReader reader(path);
    EXPECT_EQ(reader.documents(), 2u);
    EXPECT_EQ(reader.parts().size(), 2u);
    EXPECT_THAT(reader.verify(), ElementsAre());
    const auto place = reader.find("a");
    ASSERT_TRUE(place);
    EXPECT_EQ(reader.fetch(place->part, place->doc).fields["text"], "a yellow lemon");
    EXPECT_FALSE(reader.find("b"));
  }
  IndexWriter(path).merge_all();
  EXPECT_THAT(find(path, "apples"), ElementsAre("c"));
  IndexReader reader(path);
  EXPECT_EQ(reader.parts().size(), 1u);
  EXPECT_THAT(reader.verify(), ElementsAre());
}

TEST_F(IndexTest, TheSameIdTwiceBeforeACommitIsTheLater) {
  create_index(path, text_spec());
  IndexWriter writer(path);
  writer.add(std::vector{document("a", "first"), document("b", "other"), document("a", "second")});
  writer.commit();
  EXPECT_THAT(find(path, "first"), ElementsAre());
  EXPECT_THAT(find(path, "second"), ElementsAre("a"));
  EXPECT_THAT(IndexReader(path).verify(), ElementsAre());
}

TEST_F(IndexTest, OperatorsPhrasesAndFilters) {
  create_index(path, text_spec());
  IndexWriter writer(path);
  std::vector documents{document("1", "the quick brown fox jumps"),
                        document("2", "brown quick things, a fox"), document("3", "quick and brown"),
                        document("4", "the fox of the quick brown fox")};
  for (size_t i = 0; i < documents.size(); ++i)
    documents[i].metadata = {
        {"year", 2000 + i}, {"lang", i % 2 == 0 ? "en" : "fr"}, {"tags", {"t" + std::to_string(i), "all"}}};
  documents[0].metadata["nested"] = {{"deep", true}};
  writer.add(documents);
  writer.commit();
  const auto sorted = [&](const std::string& query, const std::string& filter = "") {
    auto found = find(path, query, filter);
    std::sort(found.begin(), found.end());
    return found;
  };
  EXPECT_THAT(sorted("\"quick brown\""), ElementsAre("1", "4"));
  EXPECT_THAT(sorted("\"quick brown fox\""), ElementsAre("1", "4"));
  EXPECT_THAT(sorted("quick +fox"), ElementsAre("1", "2", "4"));
  EXPECT_THAT(sorted("quick -fox"), ElementsAre("3"));
  EXPECT_THAT(sorted("brown -\"quick brown\""), ElementsAre("2", "3"));
  EXPECT_THAT(sorted("+\"brown quick\" fox"), ElementsAre("2"));
  EXPECT_THAT(sorted("\"brown fox\" absentword"), ElementsAre("1", "4"));
  EXPECT_THAT(sorted("quick", "year >= 2002"), ElementsAre("3", "4"));
  EXPECT_THAT(sorted("quick", "lang = 'en' and not year < 2001"), ElementsAre("3"));
  EXPECT_THAT(sorted("quick", "lang = \"fr\" or year = 2000"), ElementsAre("1", "2", "4"));
  EXPECT_THAT(sorted("quick", "tags contains 't2'"), ElementsAre("3"));
  EXPECT_THAT(sorted("quick", "nested.deep = true"), ElementsAre("1"));
  EXPECT_THAT(sorted("quick", "nested exists"), ElementsAre("1"));
  EXPECT_THAT(sorted("quick", "year != 2000"), ElementsAre("2", "3", "4"));
  EXPECT_THAT(sorted("quick", "lang = \"x' or 1=1 --\""), ElementsAre());
  // The whole query is text if no operators are asked for.
  EXPECT_EQ(find(path, "-fox \"quick", "", QuerySyntax::plain).size(), 4u);
  for (const char* bad : {"year >", "year >= 'a", "(year = 1", "= 3", "year = 1 year", "and"})
    EXPECT_THAT(test::error_of([&] { find(path, "quick", bad); }, Fault::usage), HasSubstr("--filter"))
        << bad;
}

TEST_F(IndexTest, ScoresDoNotDependOnSegments) {
  Rng rng(1);
  std::vector<IndexedDocument> documents;
  for (int i = 0; i < 900; ++i) {
    std::string text;
    for (uint64_t n = rng.below(40); n > 0; --n) text += fmt::format("w{} ", rng.below(1 + rng.below(200)));
    documents.push_back(document(fmt::format("d{}", rng.below(1000000)), text));
    for (uint64_t n = rng.below(10); n > 0; --n)
      documents.back().sparse.emplace_back(fmt::format("s{}", rng.below(30)),
                                           static_cast<float>(rng.uniform(0, 3)));
  }
  const auto one = folder / "one", many = folder / "many";
  create_index(one, text_spec());
  create_index(many, text_spec());
  {
    IndexWriter writer(one);
    writer.add(documents);
    writer.commit();
  }
  {
    IndexWriter writer(many);
    for (size_t at = 0; at < documents.size();) {
      const size_t count = std::min<size_t>(1 + rng.below(150), documents.size() - at);
      writer.add(std::span(documents).subspan(at, count));
      writer.commit();
      at += count;
    }
  }
  IndexReader one_reader(one), many_reader(many);
  ASSERT_GT(many_reader.parts().size(), one_reader.parts().size());
  Searcher one_searcher(one_reader), many_searcher(many_reader);
  const auto same = [](const std::vector<Hit>& a, const std::vector<Hit>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(a[i].id, b[i].id);
      ASSERT_EQ(a[i].score, b[i].score);
    }
  };
  for (int trial = 0; trial < 50; ++trial) {
    const std::string query =
        fmt::format("w{} w{} \"w{} w{}\"", rng.below(100), rng.below(30), rng.below(5), rng.below(5));
    const size_t k = 1 + rng.below(60);
    same(one_searcher.text(query, QuerySyntax::operators, k),
         many_searcher.text(query, QuerySyntax::operators, k));
    const std::vector<WeightedTerm> sparse = {{fmt::format("s{}", rng.below(30)), 1.5f},
                                              {fmt::format("s{}", rng.below(30)), 0.3f}};
    same(one_searcher.sparse(sparse, k), many_searcher.sparse(sparse, k));
    // And an explanation adds up to the score.
    const auto clauses = parse_query(query, QuerySyntax::operators, many_searcher.analyzer());
    for (const Hit& hit : many_searcher.text(clauses, 3)) {
      double sum = 0;
      for (const ScorePart& part : many_searcher.explain_text(clauses, hit)) sum += part.score;
      ASSERT_EQ(sum, hit.score);
    }
    for (const Hit& hit : many_searcher.sparse(sparse, 3)) {
      double sum = 0;
      for (const ScorePart& part : many_searcher.explain_sparse(sparse, hit)) sum += part.score;
      ASSERT_EQ(sum, hit.score);
    }
  }
}

TEST_F(IndexTest, OneWriterAtATime) {
  create_index(path, text_spec());
  IndexWriter writer(path);
  EXPECT_THAT(test::error_of([&] { IndexWriter second(path); }, Fault::resource),
              HasSubstr("another program"));
}

TEST_F(IndexTest, BadDocumentsAreNamedAndLeaveNothing) {
  create_index(path, text_spec());
  IndexWriter writer(path);
  auto bad = document("x", "text");
  bad.where = "corpus.jsonl:7";
  bad.sparse = {{"term", std::nanf("")}};
  EXPECT_THAT(test::error_of([&] { writer.add({&bad, 1}); }), HasSubstr("corpus.jsonl:7"));
  bad.sparse.clear();
  for (const char* id : {"", "a b", "a\nb"}) {
    bad.id = id;
    EXPECT_THAT(test::error_of([&] { writer.add({&bad, 1}); }), HasSubstr("corpus.jsonl:7"));
  }
  writer.add(std::vector{document("good", "text")});
  writer.commit();
  EXPECT_THAT(find(path, "text"), ElementsAre("good"));
  EXPECT_THAT(IndexReader(path).verify(), ElementsAre());
}

TEST_F(IndexTest, ANewerFormatAndNoIndexAreRefused) {
  EXPECT_THAT(test::error_of([&] { IndexReader reader(path); }), HasSubstr("no such folder"));
  create_index(path, text_spec());
  EXPECT_THAT(test::error_of([&] { create_index(path, text_spec()); }, Fault::usage),
              HasSubstr("files in it"));
  Database(database_path(path), Database::Access::write)
      .run("UPDATE settings SET value = 99 WHERE name = 'format'");
  EXPECT_THAT(test::error_of([&] { IndexReader reader(path); }), HasSubstr("index format 99"));
}

TEST_F(IndexTest, ADamagedSegmentIsNamedAndTheRestAnswersOnRequest) {
  create_index(path, text_spec());
  {
    IndexWriter writer(path);
    for (int i = 0; i < 3; ++i) {
      writer.add(std::vector{document(fmt::format("d{}", i), "some words")});
      writer.commit();
    }
  }
  const auto names = segment_folder(path, 2) / "names";
  const std::string good = read_file(names);
  write_file(names, good.substr(0, 5));
  EXPECT_THAT(test::error_of([&] { IndexReader reader(path); }), HasSubstr("000002/names"));
  IndexReader degraded(path, true);
  ASSERT_EQ(degraded.left_out().size(), 1u);
  EXPECT_THAT(degraded.left_out()[0], HasSubstr("000002/names"));
  Searcher searcher(degraded);
  EXPECT_THAT(ids(searcher.text("words", QuerySyntax::plain, 10)), ElementsAre("d2", "d0"));
  EXPECT_FALSE(degraded.verify().empty());
  write_file(names, good);
  // A changed byte that fits is found by its checksum.
  const auto postings = segment_folder(path, 1) / "text.postings";
  std::string bytes = read_file(postings);
  bytes[0] ^= 1;
  write_file(postings, bytes);
  EXPECT_THAT(IndexReader(path).verify(), testing::Contains(HasSubstr("sha256")));
  IndexReader checked(path, true);
  EXPECT_TRUE(checked.left_out().empty());
  checked.leave_out_damaged();
  ASSERT_EQ(checked.left_out().size(), 1u);
  EXPECT_THAT(checked.left_out()[0], HasSubstr("000001/text.postings"));
  EXPECT_THAT(ids(Searcher(checked).text("words", QuerySyntax::plain, 10)), ElementsAre("d2", "d1"));
  // What is cut short is noticed when it is opened, whichever file it is.
  for (const auto& file : list_segment_files(segment_folder(path, 3))) {
    const auto cut = segment_folder(path, 3) / file.name;
    const std::string whole = read_file(cut);
    write_file(cut, whole.substr(0, whole.size() - 1));
    EXPECT_THAT(test::error_of([&] { IndexReader reader(path); }),
                testing::AllOf(HasSubstr("000003/" + file.name), HasSubstr("--degraded")));
    write_file(cut, whole);
  }
}

TEST_F(IndexTest, ReadersSeeOneStateWhileAWriterWorks) {
  create_index(path, text_spec());
  {
    IndexWriter writer(path);
    writer.add(std::vector{document("0", "common"), document("1", "common")});
    writer.commit();
  }
  // Every commit replaces both documents with ones that say the same number; a reader must never see two numbers.
  std::atomic<bool> done = false;
  std::thread writing([&] {
    IndexWriter writer(path);
    for (int i = 0; i < 60; ++i) {
      const std::string text = fmt::format("common number{}", i);
      writer.add(std::vector{document("0", text), document("1", text)});
      writer.commit();
      if (i % 7 == 6) writer.merge_all();
    }
    done = true;
  });
  int states = 0;
  while (!done) {
    IndexReader reader(path);
    Searcher searcher(reader);
    const auto hits = searcher.text("common", QuerySyntax::plain, 10);
    ASSERT_THAT(ids(hits), ElementsAre("1", "0"));
    ASSERT_EQ(reader.fetch(hits[0].part, hits[0].doc).fields, reader.fetch(hits[1].part, hits[1].doc).fields);
    ++states;
  }
  writing.join();
  EXPECT_GT(states, 3);
}

// What a child process does until it is killed: random changes, each commit reported through the pipe before the next
// begins. The report names the step, from which the parent knows every document that has to be there.
std::map<std::string, std::string> state_after(uint64_t seed, int64_t steps) {
  std::map<std::string, std::string> state;
  Rng rng(seed);
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t changes = 1 + static_cast<int64_t>(rng.below(5));
    for (int64_t i = 0; i < changes; ++i) {
      const std::string id = fmt::format("d{}", rng.below(25));
      if (rng.chance(0.3))
        state.erase(id);
      else
        state[id] = fmt::format("word{} at step {}", rng.below(10), step);
    }
    rng.chance(0.3);
  }
  return state;
}

[[noreturn]] void write_until_killed(const std::filesystem::path& path, uint64_t seed, int64_t from,
                                     int report) {
  IndexWriter writer(path);
  Rng rng(seed);
  for (int64_t step = 0;; ++step) {
    const int64_t changes = 1 + static_cast<int64_t>(rng.below(5));
    for (int64_t i = 0; i < changes; ++i) {
      const std::string id = fmt::format("d{}", rng.below(25));
      const bool erase = rng.chance(0.3);
      const uint64_t word = erase ? 0 : rng.below(10);
      if (step < from) continue;
      if (erase)
        writer.remove(id);
      else
        writer.add(std::vector{document(id, fmt::format("word{} at step {}", word, step))});
    }
    const bool merge = rng.chance(0.3);
    if (step < from) continue;
    writer.commit();
    const int64_t reported = step + 1;
    if (::write(report, &reported, sizeof reported) != sizeof reported) _exit(1);
    if (merge) writer.merge_all();
  }
}

// Kills at random moments; COPPICE_CRASH_ROUNDS asks for another number of them.
TEST_F(IndexTest, KilledAtAnyMomentItHoldsWhatWasCommitted) {
  const char* wanted = std::getenv("COPPICE_CRASH_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 60;
  create_index(path, text_spec());
  Rng rng(99);
  const uint64_t seed = 5;
  int64_t committed = 0;
  // Within how many microseconds: adapted, so that on a machine of any speed kills come before and after commits.
  double span = 5000;
  for (int round = 0; round < rounds; ++round) {
    const int64_t before = committed;
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(pipe[0]);
      try {
        write_until_killed(path, seed, committed, pipe[1]);
      } catch (...) {
        _exit(2);
      }
    }
    ::close(pipe[1]);
    ::usleep(static_cast<useconds_t>(rng.uniform() * span));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer stopped by itself";
    int64_t reported = 0;
    while (::read(pipe[0], &reported, sizeof reported) == sizeof reported) committed = reported;
    ::close(pipe[0]);

    IndexReader reader(path);
    ASSERT_THAT(reader.verify(), ElementsAre()) << "round " << round;
    std::map<std::string, std::string> found;
    for (size_t part = 0; part < reader.parts().size(); ++part)
      reader.parts()[part].live.for_each([&](DocOrdinal doc) {
        const StoredDocument stored = reader.fetch(part, doc);
        found[stored.id] = stored.fields["text"];
      });
    // The commit after the last report may have come through before the kill.
    if (found != state_after(seed, committed)) {
      ASSERT_EQ(found, state_after(seed, committed + 1)) << "round " << round;
      ++committed;
    }
    span = std::clamp(span * (committed - before < 2 ? 1.25 : 0.7), 1000.0, 2e6);
  }
  EXPECT_GT(committed, rounds / 20);
}

// Writing stops at every size of file: what a full disk does, and what can be had without one.
TEST_F(IndexTest, AFullDiskIsAnErrorAndLeavesTheLastCommit) {
  create_index(path, text_spec());
  {
    IndexWriter writer(path);
    writer.add(std::vector{document("first", "there before")});
    writer.commit();
  }
  std::vector<IndexedDocument> documents;
  for (int i = 0; i < 400; ++i) {
    std::string text;
    for (int word = 0; word < 40; ++word) text += fmt::format("word{} ", i * 7 + word);
    documents.push_back(document(fmt::format("d{}", i), text));
  }
  int failed = 0;
  size_t before = 1;
  for (rlim_t limit = 1000; before == 1; limit = limit * 3 / 2) {
    ASSERT_LT(limit, 100'000'000u);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::signal(SIGXFSZ, SIG_IGN);
      const rlimit most{limit, limit};
      ::setrlimit(RLIMIT_FSIZE, &most);
      try {
        IndexWriter writer(path);
        writer.add(documents);
        writer.commit();
        _exit(0);
      } catch (const Error&) {
        _exit(1);
      } catch (...) {
        _exit(2);
      }
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status)) << limit;
    ASSERT_LT(WEXITSTATUS(status), 2) << limit;
    failed += WEXITSTATUS(status);
    IndexReader reader(path);
    EXPECT_THAT(reader.verify(), ElementsAre()) << limit;
    before = reader.documents();
    ASSERT_EQ(before, WEXITSTATUS(status) == 1 ? 1u : 401u) << limit;
  }
  EXPECT_GT(failed, 5);
}

TEST_F(IndexTest, AQueryOfAHundredThousandWordsIsAnswered) {
  create_index(path, text_spec());
  {
    IndexWriter writer(path);
    for (int i = 0; i < 60; ++i) {
      std::string text;
      for (int word = 0; word < 200; ++word) text += fmt::format("x{} ", i * 150 + word);
      writer.add(std::vector{document(fmt::format("d{:02}", i), text)});
    }
    writer.commit();
  }
  std::string query;
  for (int word = 0; word < 100'000; ++word) query += fmt::format("x{} ", word);
  IndexReader reader(path);
  Searcher searcher(reader);
  const auto every = searcher.text(query, QuerySyntax::plain, 20, {.pruning = Pruning::none});
  ASSERT_EQ(every.size(), 20u);
  EXPECT_EQ(searcher.text(query, QuerySyntax::plain, 20), every);
  EXPECT_EQ(searcher.text(query, QuerySyntax::operators, 20), every);
}

TEST(DocumentNames, DamagedFilesAreErrors) {
  test::TemporaryFolder folder;
  const auto path = folder / "names";
  const std::vector<std::string_view> names = {"c", "bb", "a"};
  DocumentNames::write(path, names);
  {
    const DocumentNames read(path);
    ASSERT_EQ(read.size(), 3u);
    for (DocOrdinal doc = 0; doc < 3; ++doc) {
      EXPECT_EQ(read[doc], names[doc]);
      EXPECT_EQ(read.find(names[doc]), doc);
    }
    EXPECT_FALSE(read.find("b"));
    EXPECT_FALSE(read.find("d"));
  }
  const std::string good = read_file(path);
  for (size_t keep = 0; keep < good.size(); ++keep) {
    write_file(path, good.substr(0, keep));
    EXPECT_THAT(test::error_of([&] { DocumentNames read(path); }), HasSubstr("do not fit"));
  }
  Rng rng(3);
  for (int trial = 0; trial < 500; ++trial) {
    std::string bad = good;
    bad[rng.below(bad.size())] = static_cast<char>(rng.next());
    write_file(path, bad);
    try {
      const DocumentNames read(path);
      read.find("bb");
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace coppice
