#include "index/inverted/posting_list.h"

#include <map>

#include <gmock/gmock.h>

#include "base/rng.h"
#include "index/inverted/fixed_point.h"
#include "index/inverted/length_code.h"
#include "index/inverted/term_dictionary.h"
#include "support.h"

namespace coppice {
namespace {

struct Made {
  std::vector<DocOrdinal> docs;
  std::vector<uint32_t> values;
  std::vector<float> parts;
  std::vector<uint8_t> bytes;
  TermEntry entry;
};

Made make(Rng& rng, size_t count, uint64_t widest_gap) {
  Made made;
  DocOrdinal doc = static_cast<DocOrdinal>(rng.below(widest_gap));
  for (size_t i = 0; i < count; ++i) {
    made.docs.push_back(doc);
    made.values.push_back(1 + static_cast<uint32_t>(rng.below(1 + rng.below(300))));
    made.parts.push_back(static_cast<float>(rng.uniform()));
    doc += 1 + static_cast<DocOrdinal>(rng.below(widest_gap));
  }
  made.entry = append_postings(
      made.docs, made.values, [&](size_t i) { return made.parts[i]; }, made.bytes);
  made.bytes.resize(made.bytes.size() + kernels::unpack_over_read);
  return made;
}

TEST(PostingList, GivesBackWhatWasWritten) {
  Rng rng(3);
  for (const size_t count : {1u, 2u, 127u, 128u, 129u, 255u, 256u, 257u, 1000u, 5000u})
    for (const uint64_t gap : {1u, 3u, 1000u, 400000u}) {
      const Made made = make(rng, count, gap);
      const PostingList list(made.bytes, made.entry, nullptr);
      ASSERT_EQ(list.documents(), count);
      std::vector<DocOrdinal> docs;
      std::vector<uint32_t> values;
      for (uint32_t block = 0; block < list.blocks(); ++block) {
        uint32_t numbers[block_size + kernels::unpack_over_write];
        list.docs(block, numbers);
        docs.insert(docs.end(), numbers, numbers + list.count(block));
        list.values(block, numbers);
        values.insert(values.end(), numbers, numbers + list.count(block));
        for (uint32_t i = 0; i < list.count(block); ++i) {
          ASSERT_EQ(list.value(block, i), numbers[i]);
          ASSERT_GE(list.bound(block) / 255.0f, made.parts[block * block_size + i]);
          ASSERT_GE(made.entry.bound, list.bound(block));
        }
      }
      ASSERT_EQ(docs, made.docs);
      ASSERT_EQ(values, made.values);
      for (size_t rank = 0; rank < kept_ranks.size() && kept_ranks[rank] <= count; ++rank) {
        auto parts = made.parts;
        std::sort(parts.rbegin(), parts.rend());
        const float kth = parts[kept_ranks[rank] - 1];
        EXPECT_LE(static_cast<float>(made.entry.ranked_parts[rank]) / 255.0f, kth);
        EXPECT_GE(static_cast<float>(made.entry.ranked_parts[rank]) / 255.0f, kth - 1.1f / 255);
      }
    }
}

TEST(PostingList, SeeksTheBlockThatAScanFinds) {
  Rng rng(4);
  const Made made = make(rng, 3000, 20);
  const PostingList list(made.bytes, made.entry, nullptr);
  for (int trial = 0; trial < 2000; ++trial) {
    const DocOrdinal doc = static_cast<DocOrdinal>(rng.below(made.docs.back() + 10));
    const uint32_t from = static_cast<uint32_t>(rng.below(list.blocks()));
    uint32_t expected = from;
    while (expected < list.blocks() && list.last(expected) < doc) ++expected;
    ASSERT_EQ(list.seek(from, doc), expected);
  }
}

TEST(PostingList, DamagedBytesAreErrorsOrNumbers) {
  Rng rng(5);
  const Made made = make(rng, 700, 50);
  for (size_t keep = 0; keep < made.bytes.size(); keep += 7) {
    const std::span<const uint8_t> cut(made.bytes.data(), keep);
    EXPECT_THAT(test::error_of([&] { PostingList(cut, made.entry, nullptr); }),
                testing::HasSubstr("cut short"));
  }
  for (int trial = 0; trial < 3000; ++trial) {
    auto bytes = made.bytes;
    for (int i = 0; i < 3; ++i) bytes[rng.below(bytes.size())] = static_cast<uint8_t>(rng.next());
    const PostingList list(bytes, made.entry, nullptr);
    uint32_t numbers[block_size + kernels::unpack_over_write];
    for (uint32_t block = 0; block < list.blocks(); ++block) try {
        list.docs(block, numbers);
        list.values(block, numbers);
        list.value(block, list.count(block) - 1);
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("damaged posting list"));
      }
  }
  TermEntry empty = made.entry;
  empty.documents = 0;
  EXPECT_THAT(test::error_of([&] { PostingList(made.bytes, empty, nullptr); }),
              testing::HasSubstr("is empty"));
}

TEST(TermDictionary, FindsEveryTermAndNoOther) {
  Rng rng(6);
  for (const size_t count : {0u, 1u, 15u, 16u, 17u, 500u}) {
    std::map<std::string, TermEntry> terms;
    while (terms.size() < count) {
      std::string term;
      for (uint64_t i = 1 + rng.below(6); i > 0; --i) term += static_cast<char>('a' + rng.below(4));
      TermEntry& entry = terms[term];
      entry.documents = 1 + static_cast<uint32_t>(rng.below(2000));
      entry.total = entry.documents + rng.below(100);
      entry.bound = static_cast<uint8_t>(rng.below(256));
      entry.postings_size = rng.below(100000);
      entry.positions_size = rng.below(100);
    }
    TermDictionaryWriter writer;
    uint64_t postings = 0, positions = 0;
    for (auto& [term, entry] : terms) {
      entry.postings_at = postings;
      entry.positions_at = positions;
      postings += entry.postings_size;
      positions += entry.positions_size;
      writer.add(term, entry);
    }
    const auto bytes = writer.finish();
    const TermDictionary dictionary(bytes, "terms");
    ASSERT_EQ(dictionary.size(), count);
    TermDictionary::Walk walk(dictionary);
    for (const auto& [term, entry] : terms) {
      const auto found = dictionary.find(term);
      ASSERT_TRUE(found) << term;
      EXPECT_EQ(found->documents, entry.documents);
      EXPECT_EQ(found->total, entry.total);
      EXPECT_EQ(found->bound, entry.bound);
      EXPECT_EQ(found->postings_at, entry.postings_at);
      EXPECT_EQ(found->postings_size, entry.postings_size);
      EXPECT_EQ(found->positions_at, entry.positions_at);
      ASSERT_TRUE(walk.next());
      EXPECT_EQ(walk.term(), term);
      EXPECT_EQ(walk.entry().postings_at, entry.postings_at);
    }
    EXPECT_FALSE(walk.next());
    for (const std::string absent : {"", "zzz", "abx", "e", "aaaaaaaaaa"})
      EXPECT_FALSE(dictionary.find(absent));
  }
}

TEST(TermDictionary, DamagedBytesAreErrorsOrEntries) {
  TermDictionaryWriter writer;
  for (int i = 0; i < 100; ++i)
    writer.add(fmt::format("term{:03}", i), {.documents = 5, .total = 9, .bound = 1, .postings_size = 20});
  const auto good = writer.finish();
  const std::span<const uint8_t> all(good);
  for (const size_t keep : {0u, 15u, 16u, 100u})
    EXPECT_THAT(test::error_of([&] { TermDictionary(all.first(keep), "terms"); }),
                testing::HasSubstr("damaged term dictionary"));
  Rng rng(7);
  for (int trial = 0; trial < 3000; ++trial) {
    auto bytes = good;
    for (int i = 0; i < 2; ++i) bytes[rng.below(bytes.size())] = static_cast<uint8_t>(rng.next());
    try {
      const TermDictionary dictionary(bytes, "terms");
      dictionary.find("term050");
      TermDictionary::Walk walk(dictionary);
      while (walk.next()) {
      }
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("damaged term dictionary"));
    }
  }
}

TEST(LengthCode, IsLuceneS) {
  // Exact to 39, then four significant bits; the largest integer has the largest code.
  for (uint32_t length = 0; length < 40; ++length) EXPECT_EQ(decode_length(encode_length(length)), length);
  EXPECT_EQ(decode_length(encode_length(41)), 40u);
  EXPECT_EQ(decode_length(encode_length(1000)), 984u);
  EXPECT_EQ(encode_length(0x7fffffff), 255);
  for (int code = 1; code < 256; ++code) {
    EXPECT_EQ(encode_length(decode_length(static_cast<uint8_t>(code))), code);
    EXPECT_GT(decode_length(static_cast<uint8_t>(code)), decode_length(static_cast<uint8_t>(code - 1)));
  }
}

TEST(FixedPoint, HoldsTheHighestScoreIn24Bits) {
  for (const double highest : {1e-3, 0.7, 1.0, 23.4, 9e6}) {
    const FixedPoint fixed(highest, 3);
    const double units = fixed.in_units(highest);
    EXPECT_LE(units + 3, 0x1.0p24);
    EXPECT_GT(units, 0x1.0p22);
    EXPECT_EQ(fixed.score(1), std::ldexp(1.0f, static_cast<int>(std::log2(fixed.score(1)))));
  }
}

}  // namespace
}  // namespace coppice
