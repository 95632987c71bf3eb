// Bad input by name: where it is said to be, and what reading goes on with when bad documents are skipped.

#include <gmock/gmock.h>

#include "base/file.h"
#include "format/collection/collection_support.h"
#include "format/collection/line_reader.h"

namespace coppice {
namespace {

using test::of_format;
using testing::ElementsAre;
using testing::HasSubstr;
using enum CollectionFormat;

struct Corrupt {
  const char* name;
  CollectionFormat format;
  std::string bytes;
  std::string message;                 // a part of what is said
  std::vector<std::string> remaining;  // ids, with skip_bad
};

std::vector<Corrupt> corrupt_files() {
  const std::string good = R"({"_id": "g", "text": "good"})"
                           "\n";
  std::string deep = R"({"_id": "d", "text": )" + std::string(100000, '[') + std::string(100000, ']') + "}\n";
  return {
      {"json_cut_short", jsonl, good + "{\"_id\": \"x\", \"text\": \"no en\n" + good, "input:2", {"g", "g"}},
      {"json_array", jsonl, good + "[1, 2]\n" + good, "input:2", {"g", "g"}},
      {"json_number", jsonl, "17\n" + good, "input:1", {"g"}},
      {"json_nesting_bomb", jsonl, good + deep + good, "nested too deeply", {"g", "g"}},
      {"json_brackets_never_closed", jsonl, good + std::string(1 << 20, '[') + "\n", "input:2", {"g"}},
      {"json_key_twice",
       jsonl,
       R"({"_id": "a", "_id": "b", "text": "t"})"
       "\n" +
           good,
       "twice",
       {"g"}},
      {"json_no_id",
       jsonl,
       R"({"text": "t"})"
       "\n" +
           good,
       "--id-field",
       {"g"}},
      {"json_empty_id",
       jsonl,
       R"({"_id": "", "text": "t"})"
       "\n" +
           good,
       "an id",
       {"g"}},
      {"json_id_object",
       jsonl,
       R"({"_id": {}, "text": "t"})"
       "\n" +
           good,
       "an id",
       {"g"}},
      {"json_no_text",
       jsonl,
       R"({"_id": "1", "name": "t"})"
       "\n" +
           good,
       "--text-field",
       {"g"}},
      {"json_lone_surrogate",
       jsonl,
       R"({"_id": "1", "text": "\ud800"})"
       "\n" +
           good,
       "input:1",
       {"g"}},
      {"json_raw_control", jsonl, "{\"_id\": \"1\", \"text\": \"a\x01\"}\n" + good, "input:1", {"g"}},
      {"tsv_ragged", tsv, "1\ta\n2\n3\tc\n", "input:2", {"1", "3"}},
      {"tsv_empty_id", tsv, "1\ta\n\tb\n", "an empty id", {"1"}},
      {"csv_quote_never_closed", csv, "id,text\n1,a\n2,\"b\n3,c\n", "input:3", {"1", "3"}},
      {"csv_text_behind_quote", csv, "id,text\n1,\"a\"b\n2,c\n", "input:2", {"2"}},
      {"csv_ragged", csv, "id,text\n1,a,b\n2,c\n", "input:2", {"2"}},
      {"trec_never_closed",
       trec,
       "<DOC><DOCNO>1</DOCNO>a</DOC>\n<DOC><DOCNO>2</DOCNO>\n",
       "never closed",
       {"1"}},
      {"trec_closed_too_late",
       trec,
       "<DOC><DOCNO>1</DOCNO>a\n<DOC><DOCNO>2</DOCNO>b</DOC>\n",
       "input:1",
       {"2"}},
      {"trec_no_docno", trec, "<DOC>a</DOC>\n<DOC><DOCNO>2</DOCNO>b</DOC>\n", "without a <DOCNO>", {"2"}},
      {"trec_no_doc", trec, "nothing of the kind\n", "no <DOC>", {}},
      {"smart_no_id", smart, ".I\n.W\na\n.I 2\n.W\nb\n", "without an id", {"2"}},
      {"smart_text_before", smart, "words\n.I 2\n.W\nb\n", "outside of a document", {"2"}},
      {"binary_lines", lines, std::string("a\0b\n", 4), "a binary file", {}},
      {"binary_text", text, std::string("a\0b\n", 4), "a binary file", {}},
      {"gzip_cut_short", jsonl, test::gzipped(good + good).substr(0, 30), "ends too early", {}},
      {"gzip_only_magic", lines, "\x1f\x8b", "ends too early", {}},
      {"zstd_damaged", lines, std::string("\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff", 9), "zstd", {}},
      {"man_strings_without_end",
       man,
       ".ds a \\*a\\*a\n.TH X 1\n.SH NAME\n\\*a "
       "\\*a\\*a\\*a\\*a\\*a\\*a\\*a\\*a\\*a\\*a\\*a\\*a\\*a\\*a\\*a\\*a\n",
       "",
       {"input"}},
      {"man_macros_without_end", man, ".de x\nword\n.x\n.x\n..\n.TH X 1\n.SH NAME\n.x\n", "expand", {}},
  };
}

TEST(CorruptCollection, IsSaidWhereItIs) {
  for (const auto& corrupt : corrupt_files()) {
    SCOPED_TRACE(corrupt.name);
    if (corrupt.message.empty()) continue;
    EXPECT_THAT(test::error_of([&] { test::collect(corrupt.bytes, of_format(corrupt.format)); }),
                testing::AllOf(HasSubstr("input"), HasSubstr(corrupt.message)));
  }
}

TEST(CorruptCollection, IsSkippedAndCountedWhenAsked) {
  for (const auto& corrupt : corrupt_files()) {
    SCOPED_TRACE(corrupt.name);
    const auto all = test::collect(corrupt.bytes, of_format(corrupt.format, true));
    std::vector<std::string> ids;
    for (const auto& document : all.documents) ids.push_back(document.id);
    EXPECT_EQ(ids, corrupt.remaining);
    EXPECT_EQ(all.bad, corrupt.message.empty() ? 0 : 1);
    if (!corrupt.message.empty()) {
      EXPECT_THAT(all.bad_examples, ElementsAre(HasSubstr(corrupt.message)));
    }
  }
}

TEST(CorruptCollection, EnormousLinesArePassedOver) {
  const std::string good = R"({"_id": "g", "text": "good"})"
                           "\n";
  std::string huge = R"({"_id": "h", "text": ")" + std::string(max_document_bytes, 'a') + "\"}\n";
  const std::string packed = test::zstd_packed(good + huge + good);
  EXPECT_LT(packed.size(), size_t{1} << 20) << "a bomb";
  const auto all = test::collect(packed, of_format(jsonl, true));
  EXPECT_EQ(all.documents.size(), 2u);
  EXPECT_THAT(all.bad_examples, ElementsAre(HasSubstr("input:2: a line of more than 64")));
}

TEST(CorruptCollection, AWrongColumnNameIsAUsageFault) {
  auto options = of_format(csv);
  options.text_fields = {"body"};
  EXPECT_THAT(test::error_of([&] { test::collect("id,text\n1,a\n", options); }, Fault::usage),
              HasSubstr("id, text"));
}

TEST(CorruptCollection, NothingThere) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(test::error_of([&] { open_collection(folder / "none"); }), HasSubstr("nothing there"));
  EXPECT_THAT(test::error_of([&] { open_collection(folder.path()); }), HasSubstr("no file"));
  write_file(folder / "a.csv", "id,text\n1,a\n");
  EXPECT_THAT(test::error_of([&] { open_collection(folder.path(), of_format(beir)); }),
              HasSubstr("no corpus.jsonl"));
  EXPECT_THAT(test::error_of([&] { open_collection(folder.path(), of_format(jsonl)); }),
              HasSubstr("format jsonl"));
}

}  // namespace
}  // namespace coppice
