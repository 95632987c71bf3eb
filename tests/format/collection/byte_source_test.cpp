#include "format/byte_source.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/rng.h"
#include "format/collection/collection_support.h"
#include "format/collection/decode_text.h"
#include "format/collection/line_reader.h"

namespace coppice {
namespace {

using testing::HasSubstr;

std::string all_of(std::string_view bytes, size_t most = size_t{1} << 24) {
  ByteSource source(bytes, "input");
  return read_unpacked(source, most);
}

std::string some_text(size_t size) {
  Rng rng(7);
  std::string text;
  while (text.size() < size) text += rng.chance(0.5) ? "a line of words\n" : std::to_string(rng.next());
  return text;
}

TEST(ByteSource, PlainAndPackedAreTheSame) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{1} << 18, (size_t{1} << 20) + 3}) {
    const std::string text = some_text(size);
    EXPECT_EQ(all_of(text), text);
    EXPECT_EQ(all_of(test::gzipped(text)), text);
    EXPECT_EQ(all_of(test::zstd_packed(text)), text);
    EXPECT_EQ(all_of(test::gzipped(text) + test::gzipped("more")), text + "more");
    EXPECT_EQ(all_of(test::zstd_packed(text) + test::zstd_packed("more")), text + "more");
  }
}

TEST(ByteSource, OfAFileCountsItsBytesOnDisk) {
  const test::TemporaryFolder folder;
  const std::string text = some_text(size_t{3} << 20), packed = test::gzipped(text);
  write_file(folder / "text.gz", packed);
  ByteSource source(folder / "text.gz");
  EXPECT_EQ(read_unpacked(source, size_t{1} << 24), text);
  EXPECT_EQ(source.bytes_read(), packed.size());
}

TEST(ByteSource, EveryCutIsNoticed) {
  const std::string text = some_text(5000);
  for (const std::string& packed : {test::gzipped(text), test::zstd_packed(text)})
    for (size_t size = 5; size < packed.size(); size += 7)
      EXPECT_THAT(test::error_of([&] { all_of(std::string_view(packed).substr(0, size)); }),
                  HasSubstr("ends too early"))
          << size;
}

TEST(ByteSource, DamageIsNoticed) {
  const std::string text = some_text(5000);
  std::string gzip = test::gzipped(text);
  gzip[gzip.size() / 2] ^= 0x55;
  EXPECT_THAT(test::error_of([&] { all_of(gzip); }), HasSubstr("damaged gzip"));
  std::string sum = test::gzipped(text);
  sum[sum.size() - 6] ^= 1;  // of the check sum
  EXPECT_THAT(test::error_of([&] { all_of(sum); }), HasSubstr("damaged gzip"));
  EXPECT_THAT(test::error_of([&] { all_of(test::gzipped(text) + "junk"); }),
              HasSubstr("behind the packed data"));
  EXPECT_EQ(all_of(test::gzipped(text) + std::string(512, '\0')), text) << "padding of tapes";
  EXPECT_THAT(test::error_of([&] { all_of(test::zstd_packed(text) + "junk"); }), HasSubstr("damaged zstd"));
}

TEST(ByteSource, OtherPackingsSayHowToUnpack) {
  const auto error = [](const std::string& begin) { return test::error_of([&] { all_of(begin); }); };
  EXPECT_THAT(error("BZh91AY"), HasSubstr("bzip2 -dk"));
  EXPECT_THAT(error(std::string("\xfd"
                                "7zXZ\0\0",
                                7)),
              HasSubstr("xz -dk"));
  EXPECT_THAT(error("PK\x03\x04"), HasSubstr("unzip"));
  EXPECT_THAT(error("%PDF-1.4"), HasSubstr("pdftotext"));
}

TEST(ByteSource, ABombStopsAtTheBound) {
  const std::string packed = test::gzipped(std::string(size_t{8} << 20, 'a'));
  EXPECT_LT(packed.size(), 20000u);
  EXPECT_THAT(test::error_of([&] { all_of(packed, 1 << 20); }), HasSubstr("1.00 MiB"));
}

std::vector<std::string> lines_of(std::string_view bytes, size_t longest = max_document_bytes) {
  LineReader reader(ByteSource(bytes, "input"), longest);
  std::vector<std::string> lines;
  for (std::string_view line; reader.next(line);) lines.emplace_back(line);
  return lines;
}

TEST(LineReader, EndsAndMarks) {
  using testing::ElementsAre;
  EXPECT_THAT(lines_of(""), ElementsAre());
  EXPECT_THAT(lines_of("a"), ElementsAre("a"));
  EXPECT_THAT(lines_of("a\n"), ElementsAre("a"));
  EXPECT_THAT(lines_of("\xEF\xBB\xBF"
                       "a\r\n\nb\r"),
              ElementsAre("a", "", "b"));
  EXPECT_THAT(lines_of("caf\xe9 \x80\n"
                       "caf\xc3\xa9"),
              ElementsAre("café €", "café"));
}

TEST(LineReader, LinesOfAllLengthsAcrossItsBuffer) {
  Rng rng(3);
  std::string text;
  std::vector<std::string> lines;
  for (int i = 0; i < 300; ++i) {
    lines.push_back(std::string(rng.below(i % 50 == 0 ? 600000 : 3000), static_cast<char>('a' + i % 26)));
    text += lines.back() + "\n";
  }
  EXPECT_EQ(lines_of(text), lines);
}

TEST(LineReader, GoesOnBehindALineThatIsTooLong) {
  const std::string text = "one\n" + std::string(700000, 'x') + "\ntwo\n" + std::string(300000, 'y');
  LineReader reader(ByteSource(text, "input"), 300000);
  std::string_view line;
  ASSERT_TRUE(reader.next(line));
  EXPECT_THAT(test::error_of([&] { reader.next(line); }), HasSubstr("input:2"));
  ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line, "two");
  ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line.size(), 300000u);
  EXPECT_FALSE(reader.next(line));
}

TEST(LineReader, RefusesBinaryFilesAndUtf16) {
  EXPECT_THAT(test::error_of([] {
                lines_of(
                    std::string("\x7f"
                                "ELF\0\0",
                                6));
              }),
              HasSubstr("a binary file"));
  EXPECT_THAT(test::error_of([] {
                lines_of(
                    std::string("\xff\xfe"
                                "a\0",
                                4));
              }),
              HasSubstr("UTF-16"));
}

TEST(DecodeText, ReadsWhatPeopleHave) {
  EXPECT_EQ(decode_file("\xEF\xBB\xBF"
                        "é"),
            "é");
  EXPECT_EQ(decode_file(std::string("\xff\xfe"
                                    "a\0\xe9\0\x3d\xd8\x00\xde",
                                    10)),
            "aé\xF0\x9F\x98\x80");
  EXPECT_EQ(decode_file(std::string("\xfe\xff\0a\xd8\x00", 6)), "a\xEF\xBF\xBD");
  EXPECT_EQ(decode_file("na\xefve"), "naïve");
  EXPECT_EQ(decode_file("привет \xff мир"), "привет \xEF\xBF\xBD мир")
      << "one damaged byte among many letters";
  EXPECT_EQ(decode_file(std::string("a\0b", 3)), "a b");
}

}  // namespace
}  // namespace coppice
