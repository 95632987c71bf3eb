// CIFF files: what is written comes back, and every malformed message is named.

#include "format/ciff.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include "base/rng.h"
#include "support.h"

namespace coppice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A message by hand: tag, then value.
std::string number(int field, uint64_t value) {
  std::string bytes(1, static_cast<char>(field << 3));
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string bytes(int field, const std::string& value) {
  return std::string(1, static_cast<char>(field << 3 | 2)) + static_cast<char>(value.size()) + value;
}
std::string led(const std::string& message) {
  return std::string(1, static_cast<char>(message.size())) + message;
}
std::string posting(uint64_t distance, uint64_t frequency) {
  return bytes(4, number(1, distance) + number(2, frequency));
}
std::string header(uint64_t lists, uint64_t documents, uint64_t version = 1) {
  return led(number(1, version) + number(2, lists) + number(3, documents) + number(4, lists) +
             number(5, documents) + number(6, 7) + bytes(8, "by hand"));
}
std::string document(uint64_t place, const std::string& id, uint64_t length) {
  return led(number(1, place) + bytes(2, id) + number(3, length));
}
std::string list(const std::string& term, uint64_t promised, const std::string& postings) {
  return led(bytes(1, term) + number(2, promised) + number(3, 9) + postings);
}

class CiffTest : public testing::Test {
 protected:
  test::TemporaryFolder folder;
  std::filesystem::path path = folder / "index.ciff";

  void read_all(const std::string& content) {
    write_file(path, content);
    CiffReader reader(path);
    for (CiffList list; reader.next(list);) {
    }
    for (CiffDocument document; reader.next(document);) {
    }
  }
};

TEST_F(CiffTest, AFileByHandIsRead) {
  // Field 15 is of a later version: passed over. The second list's term comes behind its postings.
  const std::string content = header(2, 3) + list("a", 2, posting(0, 2) + posting(2, 1)) +
                              led(posting(1, 4) + number(15, 1) + number(2, 1) + bytes(1, "b")) +
                              document(2, "D2", 1) + document(0, "D0", 2) + document(1, "D1", 4);
  write_file(path, content);
  CiffReader reader(path);
  EXPECT_EQ(reader.header().documents, 3);
  EXPECT_EQ(reader.header().total_length, 7);
  EXPECT_EQ(reader.header().description, "by hand");
  CiffList read;
  ASSERT_TRUE(reader.next(read));
  EXPECT_EQ(read.term, "a");
  EXPECT_THAT(read.documents, ElementsAre(0u, 2u));
  EXPECT_THAT(read.frequencies, ElementsAre(2u, 1u));
  ASSERT_TRUE(reader.next(read));
  EXPECT_EQ(read.term, "b");
  EXPECT_THAT(read.documents, ElementsAre(1u));
  EXPECT_FALSE(reader.next(read));
  CiffDocument found;
  ASSERT_TRUE(reader.next(found));
  EXPECT_EQ(found.number, 2u);
  EXPECT_EQ(found.id, "D2");
  ASSERT_TRUE(reader.next(found));
  ASSERT_TRUE(reader.next(found));
  EXPECT_EQ(found.length, 4);
  EXPECT_FALSE(reader.next(found));
}

TEST_F(CiffTest, WhatIsWrittenComesBackPlainAndGzipped) {
  Rng rng(5);
  std::vector<CiffList> lists(40);
  const uint32_t documents = 2000;
  for (size_t i = 0; i < lists.size(); ++i) {
    lists[i].term = fmt::format("term{:03}", i);
    for (uint32_t doc = static_cast<uint32_t>(rng.below(5)); doc < documents;
         doc += 1 + static_cast<uint32_t>(rng.below(rng.chance(0.1) ? 900 : 20))) {
      lists[i].documents.push_back(doc);
      lists[i].frequencies.push_back(1 + static_cast<uint32_t>(rng.below(300)));
    }
  }
  CiffWriter writer(path, {.lists = 40, .documents = documents, .average_length = 1.5, .description = "ü"});
  for (const auto& list : lists) writer.add(list);
  for (uint32_t i = 0; i < documents; ++i) writer.add(CiffDocument{i, fmt::format("d{}", i), i % 7});
  writer.finish();
  const std::string plain = read_file(path);
  const auto zipped = folder / "index.ciff.gz";
  const gzFile file = gzopen(zipped.c_str(), "wb");
  gzwrite(file, plain.data(), static_cast<unsigned>(plain.size()));
  gzclose(file);
  for (const auto& each : {path, zipped}) {
    CiffReader reader(each);
    EXPECT_EQ(reader.header().average_length, 1.5);
    EXPECT_EQ(reader.header().description, "ü");
    CiffList read;
    for (const auto& list : lists) {
      ASSERT_TRUE(reader.next(read));
      ASSERT_EQ(read.term, list.term);
      ASSERT_EQ(read.documents, list.documents);
      ASSERT_EQ(read.frequencies, list.frequencies);
    }
    ASSERT_FALSE(reader.next(read));
    CiffDocument document;
    for (uint32_t i = 0; i < documents; ++i) {
      ASSERT_TRUE(reader.next(document));
      ASSERT_EQ(document.id, fmt::format("d{}", i));
      ASSERT_EQ(document.length, i % 7);
    }
    ASSERT_FALSE(reader.next(document));
  }
  // Cut anywhere, it is an Error.
  const std::string gzipped = read_file(zipped);
  for (int i = 0; i < 50; ++i) {
    EXPECT_NE(test::error_of([&] { read_all(plain.substr(0, rng.below(plain.size()))); }), "");
    EXPECT_NE(test::error_of([&] { read_all(gzipped.substr(0, rng.below(gzipped.size()))); }), "");
  }
}

TEST_F(CiffTest, MalformedMessagesAreNamed) {
  const std::string documents = document(0, "D0", 2) + document(1, "D1", 4);
  const auto refused = [&](const std::string& content) { return test::error_of([&] { read_all(content); }); };
  const auto with_list = [&](const std::string& message) {
    return refused(header(1, 2) + message + documents);
  };
  EXPECT_THAT(refused(""), HasSubstr("header: the end of the file"));
  EXPECT_THAT(refused(header(1, 2, 2)), HasSubstr("version 2"));
  EXPECT_THAT(refused(led(number(1, 1) + number(2, ~uint64_t{0}))), HasSubstr("the number -1"));
  EXPECT_THAT(refused(std::string(12, '\xff')), HasSubstr("a length of too many bytes"));
  EXPECT_THAT(refused("\xff\xff\xff\xff\x0f"), HasSubstr("the end of the file"));  // 4 GiB promised
  EXPECT_THAT(with_list(list("a", 3, posting(0, 1) + posting(1, 1))),
              HasSubstr("posting list 0: 2 postings"));
  EXPECT_THAT(with_list(list("a", 0, "")), HasSubstr("at least one"));
  EXPECT_THAT(with_list(list("a", 2, posting(0, 1) + posting(0, 1))), HasSubstr("a document twice"));
  EXPECT_THAT(with_list(list("a", 1, posting(2, 1))), HasSubstr("document 2"));
  EXPECT_THAT(with_list(list("a", 1, posting(~uint64_t{0}, 1))), HasSubstr("the number -1"));
  EXPECT_THAT(with_list(list("a", 1, posting(0, 0))), HasSubstr("a frequency of 0"));
  EXPECT_THAT(with_list(list("\xff", 1, posting(0, 1))), HasSubstr("not UTF-8"));
  EXPECT_THAT(with_list(led(number(4, 1))), HasSubstr("a posting of another type"));
  const std::string good = header(1, 2) + list("a", 1, posting(0, 1));
  EXPECT_THAT(refused(good + document(0, "D0", 1)), HasSubstr("document 1: the end of the file"));
  EXPECT_THAT(refused(good + document(2, "D0", 1)), HasSubstr("document 0: number 2"));
  EXPECT_THAT(refused(good + documents + "x"), HasSubstr("end: more bytes"));
  EXPECT_THAT(test::error_of([&] { CiffReader reader(folder / "nothing"); }), HasSubstr("nothing"));
}

}  // namespace
}  // namespace coppice
