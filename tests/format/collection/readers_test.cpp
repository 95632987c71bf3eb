// What each reader makes of well-formed files.

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/rng.h"
#include "format/collection/collection_support.h"

namespace coppice {
namespace {

using test::collect;
using test::of_format;
using test::shown;
using testing::ElementsAre;
using enum CollectionFormat;

TEST(JsonLines, TextIsFieldsAndTheRestMetadata) {
  const std::string lines =
      R"({"_id": "a", "title": "One", "text": "first", "year": 1999, "metadata": {"lang": "en"}, "url": "u"})"
      "\n\n"
      R"({"id": 7, "contents": ["some", "parts"], "none": null})";
  const auto all = collect(lines);
  EXPECT_THAT(shown(all), ElementsAre("a|title=One|text=first", "7|contents=some\nparts"));
  EXPECT_EQ(all.documents[0].metadata, Json({{"year", 1999}, {"lang", "en"}, {"url", "u"}}));
  EXPECT_EQ(all.documents[1].where, "input:3");
}

TEST(JsonLines, NamesAreChosen) {
  CollectionOptions options;
  options.id_field = "#";
  options.text_fields = {"claim"};
  EXPECT_THAT(shown(R"({"claim": "x", "text": "y"})", options), ElementsAre("1|claim=x"));
  options.id_field = "k";
  EXPECT_THAT(shown(R"({"k": "9", "claim": "x"})", options), ElementsAre("9|claim=x"));
}

TEST(JsonLines, SparseVectors) {
  CollectionOptions options;
  options.sparse = true;
  const auto all = collect(R"({"id": "a", "contents": "t", "vector": {"x": 1.5, "y": 2}})", options);
  EXPECT_THAT(all.documents[0].sparse, ElementsAre(testing::Pair("x", 1.5F), testing::Pair("y", 2.0F)));
}

TEST(Tsv, UsualColumns) {
  EXPECT_THAT(shown("1\tsome \"text\n2\tmore", of_format(tsv)),
              ElementsAre("1|text=some \"text", "2|text=more"));
  EXPECT_THAT(shown("1\tT\tsome text", of_format(tsv)), ElementsAre("1|title=T|text=some text"));
  const auto four = collect("D1\thttp://x\tT\tsome text", of_format(tsv));
  EXPECT_THAT(shown(four), ElementsAre("D1|title=T|text=some text"));
  EXPECT_EQ(four.documents[0].metadata, Json({{"url", "http://x"}}));
  EXPECT_THAT(shown("pid\tpassage\n3\tthree", of_format(tsv)), ElementsAre("3|passage=three"));
  auto options = of_format(tsv);
  options.text_fields = {"3", "5"};
  EXPECT_THAT(shown("1\ta\tb\tc\td", options), ElementsAre("1|3=b|5=d"));
}

TEST(Csv, QuotesAsInRfc4180) {
  const std::string text = "id,title,text\r\n1,\"a, b\",\"two\r\nlines \"\"quoted\"\"\"\r\n\r\n2,,plain\r\n";
  EXPECT_THAT(shown(text, of_format(csv)),
              ElementsAre("1|title=a, b|text=two\nlines \"quoted\"", "2|text=plain"));
}

std::string in_quotes(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

TEST(Csv, RandomTablesComeBack) {
  Rng rng(5);
  const std::string letters = "ab\",\n é";
  std::string text = "id,text\n";
  std::vector<std::string> expected;
  for (int row = 0; row < 2000; ++row) {
    std::string value = "x";
    for (uint64_t i = rng.below(12); i > 0; --i) value += letters[rng.below(6)];
    const bool plain = value.find_first_of("\",\n") == value.npos && rng.chance(0.5);
    text += fmt::format("{},{}\n", row, plain ? value : in_quotes(value));
    expected.push_back(fmt::format("{}|text={}", row, value));
  }
  EXPECT_EQ(shown(text, of_format(csv)), expected);
}

TEST(Lines, NumbersAreIds) {
  EXPECT_THAT(shown("one\n\n  three \n", of_format(lines)), ElementsAre("1|text=one", "3|text=three"));
}

TEST(Trec, Documents) {
  const std::string text =
      "<DOC>\n<DOCNO> FT-1 </DOCNO>\n<DATE>940101\n</DATE>\n<HEADLINE>\nA &amp; "
      "B\n</HEADLINE>\n<TEXT>\n<P>\nOne "
      "paragraph.\n</P>\n<P>\nAnother.\n</P>\n</TEXT>\n</DOC>\n"
      "<doc><docno>2</docno><text>short</text></doc><DOC><DOCNO>3</DOCNO>bare</DOC>";
  const auto all = collect(text);
  EXPECT_THAT(shown(all),
              ElementsAre("FT-1|title=A & B|text=One paragraph.\n\nAnother.", "2|text=short", "3|text=bare"));
  EXPECT_EQ(all.documents[0].metadata, Json({{"date", "940101"}}));
}

TEST(Trec, WebPages) {
  const std::string text =
      "<DOC>\n<DOCNO>WTX-1</DOCNO>\n<DOCHDR>\nhttp://a.b/ 1.2.3.4\nHTTP/1.0 "
      "200\n</DOCHDR>\n<html><title>Page</title>"
      "<body>Hello<br>world</body></html>\n</DOC>\n";
  const auto all = collect(text);
  EXPECT_THAT(shown(all), ElementsAre("WTX-1|title=Page|text=Hello\nworld"));
  EXPECT_EQ(all.documents[0].metadata["url"], "http://a.b/ 1.2.3.4");
}

TEST(Smart, Documents) {
  const auto all = collect(".I 1\n.T\nA title\n.A\nSomebody\n.W\nthe text\nof it\n.X\n5 6\n.I 2\n.W\nmore\n");
  EXPECT_THAT(shown(all), ElementsAre("1|title=A title|text=the text\nof it", "2|text=more"));
  EXPECT_EQ(all.documents[0].metadata, Json({{"author", "Somebody"}}));
}

TEST(Html, TextAsSeen) {
  const std::string page =
      "<!DOCTYPE html><html lang=\"de\"><head><title>T &ouml; "
      "</title><style>p{}</style></head><body><h1>Head</h1>"
      "<script>if (a<b) x('</p>');</script><p>One <b>bold</b>er\nword &lt;x&gt; <!-- no --> <img alt='pic' "
      "src=x></p>"
      "<ul><li>a<li>b</ul><table><tr><td>1<td>2</table><a title=\"x>y\">link</a> 3 < 4</body>";
  const auto all = collect(page);
  EXPECT_THAT(
      shown(all),
      ElementsAre("input|title=T ö|headings=Head|text=One bolder word <x> pic\na\nb\n1 2\nlink 3 < 4"));
  EXPECT_EQ(all.documents[0].metadata["language"], "de");
}

TEST(Markdown, TextWithoutMarks) {
  const std::string text =
      "---\ntitle: \"From front\"\n---\n# First\n\nSome *emph* and __strong__ snake_case 2 * 3 `co*de` "
      "[link](http://x \"t\") ![alt](y).\n\nSecond\n------\n\n> quoted\n\n- item one\n- [x] item two\n1. "
      "three\n\n"
      "```c++\nint *x = 0;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[ref]: http://z\n<http://auto.link> "
      "\\*no\\*\n";
  EXPECT_THAT(
      shown(text, of_format(markdown)),
      ElementsAre(
          "input|title=From front|headings=First\nSecond|text=Some emph and strong snake_case 2 * 3 co*de "
          "link alt.\n\nquoted\n\nitem one\nitem two\nthree\n\nint *x = 0;\n\na b\n1 2\n\nhttp://auto.link "
          "*no*"));
}

TEST(Text, AShortFirstLineIsTheTitle) {
  EXPECT_THAT(shown("A title\n\nThe text\nof it.\n", of_format(CollectionFormat::text)),
              ElementsAre("input|title=A title|text=The text\nof it."));
  EXPECT_THAT(shown("Only\ntext.\n", of_format(CollectionFormat::text)),
              ElementsAre("input|text=Only\ntext."));
}

class FolderTest : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& content) {
    const auto path = folder / name;
    std::filesystem::create_directories(path.parent_path());
    write_file(path, content);
  }
  std::vector<std::string> read(const CollectionOptions& options = {}) {
    return shown(collect(*open_collection(folder.path(), options)));
  }

  test::TemporaryFolder folder;
};

TEST_F(FolderTest, ABeirDirectoryIsItsCorpus) {
  put("corpus.jsonl.gz", test::gzipped(R"({"_id": "1", "text": "x"})"));
  put("queries.jsonl", R"({"_id": "q", "text": "y"})");
  EXPECT_THAT(read(), ElementsAre("1|text=x"));
  EXPECT_EQ(read_queries(folder.path()).at(0).text, "y");
}

TEST_F(FolderTest, EveryFileByItsOwnFormat) {
  put("b/page.html", "<title>P</title>hello");
  put("a.md", "# M\n\nmark");
  put("c.txt.zst", test::zstd_packed("plain"));
  put("man/de/man1/ls.1.gz", test::gzipped(".TH LS 1\n.SH NAME\nls \\- list\n.SH X\ntext\n"));
  put("lib.so.1", "ELF");
  put("picture.png", std::string("\0\1", 2));
  put(".git/x.md", "hidden");
  std::filesystem::create_symlink(folder / "a.md", folder / "again.md");
  std::filesystem::create_symlink(folder / "nowhere", folder / "broken.md");
  EXPECT_THAT(read(), ElementsAre("a.md|title=M|text=mark", "b/page.html|title=P|text=hello",
                                  "c.txt|text=plain", "man/de/man1/ls.1|title=ls - list|text=X\ntext"));
  const auto all = collect(*open_collection(folder.path()));
  EXPECT_EQ(all.documents.back().metadata["language"], "de");
}

TEST_F(FolderTest, FilesOfManyDocumentsOutweighAReadme) {
  put("README.md", "about");
  put("part1.jsonl", R"({"id": "1", "text": "first of the collection"})");
  put("part2.jsonl", R"({"id": "2", "text": "second"})");
  EXPECT_THAT(read(), ElementsAre("1|text=first of the collection", "2|text=second"));
  EXPECT_THAT(read(of_format(markdown)), ElementsAre("README.md|text=about"));
}

TEST_F(FolderTest, TrecFilesWithoutExtension) {
  put("disk4/ft911_1", "<DOC><DOCNO>1</DOCNO><TEXT>a</TEXT></DOC>");
  put("disk4/ft911_2.gz", test::gzipped("<DOC><DOCNO>2</DOCNO><TEXT>b</TEXT></DOC>"));
  EXPECT_THAT(read(), ElementsAre("1|text=a", "2|text=b"));
  EXPECT_THAT(read(of_format(trec)), ElementsAre("1|text=a", "2|text=b"));
}

TEST_F(FolderTest, NumbersOfLinesInSeveralFilesDiffer) {
  put("a.txt", "one\ntwo\n");
  put("b.txt", "three\n");
  EXPECT_THAT(read(of_format(lines)),
              ElementsAre("a.txt:1|text=one", "a.txt:2|text=two", "b.txt:1|text=three"));
}

TEST_F(FolderTest, BytesReadReachTheTotal) {
  put("a.txt", std::string(5000, 'a'));
  put("b.txt.gz", test::gzipped(std::string(50000, 'b')));
  const auto reader = open_collection(folder.path());
  collect(*reader);
  EXPECT_EQ(reader->bytes_read(), reader->bytes_total());
  EXPECT_GT(reader->bytes_total(), 5000u);
}

// The readers of the originals against the conversions that lie beside them.
TEST(RealData, SmartFilesSayWhatTheirConversionsSay) {
  for (const auto& [name, raw] : std::vector<std::pair<std::string, std::string>>{
           {"cacm", "cacm.all"}, {"cranfield", "cran.all.1400"}, {"medline", "MED.ALL"}}) {
    COPPICE_NEEDS_DATA(name);
    const auto folder = test::data_folder() / name;
    const auto converted = collect(*open_collection(folder));
    const auto original = collect(*open_collection(folder / "raw" / raw));
    ASSERT_EQ(original.documents.size(), converted.documents.size());
    const auto words = [](const SourceDocument& document) {
      std::string all;
      for (const auto& [field, content] : document.fields) all += content + " ";
      std::string squeezed;
      for (const char c : all)
        if (c != ' ' && c != '\n' && c != '\t') squeezed += c;
      return squeezed;
    };
    size_t same = 0;
    for (size_t i = 0; i < original.documents.size(); ++i) {
      EXPECT_EQ(original.documents[i].id, converted.documents[i].id);
      same += words(original.documents[i]) == words(converted.documents[i]);
    }
    EXPECT_GT(same, original.documents.size() * 95 / 100) << name;
  }
}

// As from `zcat corpus.jsonl.gz | coppice index /dev/stdin --format jsonl`.
TEST(Readers, ReadAPipeOfAKnownFormat) {
  const test::TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(test::error_of([&] { open_collection(pipe); }, Fault::usage), testing::HasSubstr("--format"));
  std::thread writer([&] { std::ofstream(pipe) << "1\tone\n2\ttwo\n"; });
  const auto reader = open_collection(pipe, test::of_format(CollectionFormat::tsv));
  EXPECT_EQ(reader->bytes_total(), 0u);
  EXPECT_THAT(test::shown(test::collect(*reader)), testing::ElementsAre("1|text=one", "2|text=two"));
  writer.join();
  EXPECT_EQ(reader->bytes_read(), 12u);
}

}  // namespace
}  // namespace coppice
