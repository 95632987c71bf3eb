#include <functional>

#include <gmock/gmock.h>

#include "base/file.h"
#include "format/collection/answers_file.h"
#include "format/collection/collection_support.h"

namespace coppice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> shown(std::string_view bytes, TopicPart part = TopicPart::title) {
  CollectionOptions options;
  options.topic_part = part;
  std::vector<std::string> lines;
  for (const auto& query : read_queries_bytes(bytes, "input", options))
    lines.push_back(query.id + "|" + query.text);
  return lines;
}

constexpr std::string_view old_topics =
    "<top>\n\n<num> Number: 051\n<title> Topic:  Airbus Subsidies\n\n<desc> Description:\nDocument will "
    "discuss\naid.\n\n"
    "<narr> Narrative:\nA relevant &amp; good one.\n\n</top>\n<top>\n<num> Number: "
    "52\n<title>Second</title>\n</top>\n";
constexpr std::string_view web_topics =
    "<?xml version=\"1.0\"?>\n<webtrack2012>\n<topic number=\"151\" "
    "type=\"ambiguous\">\n<query>403b</query>\n"
    "<description>What is a 403b plan?</description>\n<subtopic number=\"1\" "
    "type=\"nav\">nothing</subtopic>\n</topic>\n"
    "<topic number=\"152\"><query>b</query></topic></webtrack2012>";

TEST(Queries, Topics) {
  EXPECT_THAT(shown(old_topics), ElementsAre("51|Airbus Subsidies", "52|Second"));
  EXPECT_THAT(
      shown(old_topics, TopicPart::all),
      ElementsAre("51|Airbus Subsidies Document will discuss aid. A relevant & good one.", "52|Second"));
  EXPECT_THAT(shown(web_topics), ElementsAre("151|403b", "152|b"));
  EXPECT_EQ(read_queries_bytes(web_topics, "input")[0].metadata["type"], "ambiguous");
  EXPECT_THAT(test::error_of([] { shown(web_topics, TopicPart::description); }),
              testing::AllOf(HasSubstr("topic 152 has no desc"), HasSubstr("title"), HasSubstr("input:")));
  EXPECT_THAT(test::error_of([] { shown("<top><title>x</top>"); }), HasSubstr("without a number"));
}

TEST(Queries, OtherForms) {
  EXPECT_THAT(shown("{\"_id\": \"1\", \"text\": \"a\", \"title\": \"no\"}\n{\"id\": 2, \"query\": \"b\"}\n"),
              ElementsAre("1|a", "2|b"));
  EXPECT_THAT(shown("7\tseven words\n8\t\"eight\"\n"), ElementsAre("7|seven words", "8|\"eight\""));
  EXPECT_THAT(shown("qid\tquery\n7\tseven\n"), ElementsAre("7|seven"));
  EXPECT_THAT(shown("first\nsecond one\n"), ElementsAre("1|first", "2|second one"));
  EXPECT_THAT(shown(".I 1\n.W\n what is\nthis\n.A\nSomebody\n"), ElementsAre("1|what is this Somebody"));
}

// MS MARCO's id <tab> text and tables of others, by their names, plain or packed; the header is told as in collections.
TEST(Queries, TablesInFiles) {
  const test::TemporaryFolder folder;
  const auto read = [&](const std::string& name, const std::string& bytes) {
    write_file(folder / name, bytes);
    std::vector<std::string> lines;
    for (const auto& query : read_queries(folder / name)) lines.push_back(query.id + "|" + query.text);
    return lines;
  };
  const std::string bare = "1048585\twhat is paula deen's brother\n2\t\"quoted\" words\n";
  const std::string named = "qid\tquery\n7\tseven\n8\teight\n";
  const std::string csv = "query_id,query,year\n7,\"seven, and\nmore\",1990\n";
  for (const auto& pack : std::vector<std::pair<std::string, std::function<std::string(const std::string&)>>>{
           {"", [](const std::string& text) { return text; }},
           {".gz", test::gzipped},
           {".zst", test::zstd_packed}}) {
    const auto& [ending, packed] = pack;
    EXPECT_THAT(read("queries.dev.tsv" + ending, packed(bare)),
                ElementsAre("1048585|what is paula deen's brother", "2|\"quoted\" words"));
    EXPECT_THAT(read("queries.tsv" + ending, packed(named)), ElementsAre("7|seven", "8|eight"));
    EXPECT_THAT(read("queries.csv" + ending, packed(csv)), ElementsAre("7|seven, and\nmore"));
    EXPECT_THAT(read("queries" + ending, packed(bare)), testing::SizeIs(2));
    EXPECT_THAT(read("topics" + ending, packed(std::string(old_topics))), testing::SizeIs(2));
    EXPECT_THAT(read("queries.jsonl" + ending, packed("{\"_id\": \"1\", \"text\": \"a\"}\n")),
                ElementsAre("1|a"));
  }
  EXPECT_THAT(test::error_of([&] { read("bad.csv", "7,seven\n8,eight\n"); }, Fault::usage),
              testing::AllOf(HasSubstr("bad.csv:1: no id among the columns 7, seven"),
                             HasSubstr("call it so in the file")));
  EXPECT_THAT(test::error_of([&] { read("bad.tsv", "1\ta\n2\n"); }), HasSubstr("bad.tsv:2: 1 columns"));
}

TEST(Queries, AnIdComesOnce) {
  EXPECT_THAT(test::error_of([] { shown("1\ta\n1\tb\n"); }), HasSubstr("query '1' comes twice"));
  EXPECT_THAT(test::error_of([] { shown(""); }), HasSubstr("no query"));
}

TEST(Answers, BothForms) {
  const test::TemporaryFolder folder;
  write_file(folder / "a.jsonl",
             "{\"id\": \"q1\", \"answers\": [\"x\", \"y\"]}\n{\"qid\": 2, \"answer\": \"z\"}\n");
  write_file(folder / "a.tsv", "q1\tx\ty\n2\tz\n");
  for (const char* name : {"a.jsonl", "a.tsv"}) {
    const auto answers = read_answers(folder / name);
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].id, "q1");
    EXPECT_THAT(answers[0].answers, ElementsAre("x", "y"));
    EXPECT_EQ(answers[1].id, "2");
    EXPECT_THAT(answers[1].answers, ElementsAre("z"));
  }
  write_file(folder / "bad", "q1\n");
  EXPECT_THAT(test::error_of([&] { read_answers(folder / "bad"); }), HasSubstr("no answer"));
  write_file(folder / "twice", "q1\ta\nq1\tb\n");
  EXPECT_THAT(test::error_of([&] { read_answers(folder / "twice"); }), HasSubstr("twice"));
}

}  // namespace
}  // namespace coppice
