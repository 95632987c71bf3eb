#include "format/file_text.h"

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "format/collection/collection_support.h"
#include "format/trec.h"

namespace coppice {
namespace {

using testing::HasSubstr;

TEST(FileText, IsTheSamePlainPackedOrPiped) {
  const test::TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 60000; ++i) text += std::to_string(i) + " a line\n";
  for (const std::string& expected : {text, std::string(), std::string("x")}) {
    write_file(folder / "plain", expected);
    write_file(folder / "gzip", test::gzipped(expected));
    write_file(folder / "zstd", test::zstd_packed(expected));
    for (const char* name : {"plain", "gzip", "zstd"}) {
      FileText first(folder / name);
      const FileText moved = std::move(first);
      EXPECT_EQ(moved.text(), expected) << name;
    }
  }
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(folder / "pipe") << text; });
  EXPECT_EQ(FileText(folder / "pipe").text(), text);
  writer.join();
}

TEST(FileText, WhatIsPackedOtherwiseOrCutShortIsRefused) {
  const test::TemporaryFolder folder;
  write_file(folder / "run.bz2", "BZh91AY&SY");
  EXPECT_THAT(test::error_of([&] { TrecRun::read(folder / "run.bz2"); }),
              testing::AllOf(HasSubstr("run.bz2: a bzip2 file"), HasSubstr("bzip2 -dk")));
  const std::string packed = test::gzipped("1 Q0 a 1 2.5 x\n");
  write_file(folder / "run.gz", packed.substr(0, packed.size() - 9));
  EXPECT_THAT(test::error_of([&] { TrecRun::read(folder / "run.gz"); }), HasSubstr("ends too early"));
  EXPECT_THAT(test::error_of([&] { FileText text(folder / "none"); }), HasSubstr("none"));
  EXPECT_THAT(test::error_of([&] { FileText text(folder.path()); }), HasSubstr("not a regular file"));
}

// Lines keep their numbers, and what is read stays when the run moves.
TEST(PackedTrec, RunsAndJudgementsAreReadAsPlainOnes) {
  const test::TemporaryFolder folder;
  const std::string run = "2 Q0 b 1 1 tag\n1 Q0 a 1 2.5 tag\n2 Q0 c 2 0.5 tag\n";
  const std::string qrels = "query-id\tcorpus-id\tscore\n1\ta\t1\n2\tc\t0\n";
  std::filesystem::create_directories(folder / "set/qrels");
  for (const bool gzip : {true, false}) {
    const auto pack = [gzip](const std::string& text) {
      return gzip ? test::gzipped(text) : test::zstd_packed(text);
    };
    const std::string ending = gzip ? ".gz" : ".zst";
    write_file(folder / ("run" + ending), pack(run));
    std::vector<TrecRun> runs;
    runs.push_back(TrecRun::read(folder / ("run" + ending)));
    runs.push_back(TrecRun::read(folder / ("run" + ending)));
    ASSERT_EQ(runs[0].queries().size(), 2u);
    EXPECT_EQ(runs[0].find("2")->docs[1], (RunDoc{"c", 0.5}));
    EXPECT_EQ(runs[0].tag(), "tag");
    write_file(folder / ("set/qrels/test.tsv" + ending), pack(qrels));
    const auto path = find_judgements(folder / "set");
    EXPECT_EQ(path, folder / ("set/qrels/test.tsv" + ending));
    const auto judgements = TrecJudgements::read(path, JudgementFormat::qrels);
    ASSERT_NE(judgements.find("1"), nullptr);
    EXPECT_EQ(judgements.find("1")->judged[0].doc, "a");
    std::filesystem::rename(path, folder / ("set/qrels/dev.tsv" + ending));
    EXPECT_EQ(find_judgements(folder / "set"), folder / ("set/qrels/dev.tsv" + ending));
    std::filesystem::remove(folder / ("set/qrels/dev.tsv" + ending));
    write_file(folder / ("bad" + ending), pack(run + "3 Q0 a 1\n"));
    EXPECT_THAT(test::error_of([&] { TrecRun::read(folder / ("bad" + ending)); }),
                HasSubstr("bad" + ending + ":4"));
  }
}

}  // namespace
}  // namespace coppice
