// The posting kernels of every instruction set that this machine has, against plain arithmetic, for every width,
// length and misalignment.

#include <cmath>
#include <vector>

#include <gmock/gmock.h>

#include "base/rng.h"
#include "kernels/isa.h"
#include "kernels/posting_kernels.h"

namespace coppice::kernels {
namespace {

class PostingKernelsTest : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override { use_isa(GetParam()); }
  void TearDown() override { use_isa(supported_isas().back()); }
};

// Numbers of `bits` bits behind `skip` bytes, with room to read behind.
std::vector<uint8_t> packed(const std::vector<uint32_t>& numbers, int bits, size_t skip) {
  std::vector<uint8_t> bytes(skip + (numbers.size() * static_cast<size_t>(bits) + 7) / 8 + unpack_over_read);
  for (size_t i = 0; i < numbers.size(); ++i)
    for (int bit = 0; bit < bits; ++bit) {
      const size_t at = i * static_cast<size_t>(bits) + static_cast<size_t>(bit);
      bytes[skip + at / 8] |= static_cast<uint8_t>((numbers[i] >> bit & 1) << at % 8);
    }
  return bytes;
}

TEST_P(PostingKernelsTest, UnpackEveryWidthAndLength) {
  Rng rng(7);
  for (int bits = 0; bits <= 32; ++bits)
    for (const int count : {0, 1, 2, 15, 16, 17, 31, 33, 100, 127, 128}) {
      std::vector<uint32_t> numbers(static_cast<size_t>(count));
      for (auto& number : numbers) number = static_cast<uint32_t>(rng.next() & ((uint64_t{1} << bits) - 1));
      const size_t skip = rng.below(9);
      const auto bytes = packed(numbers, bits, skip);
      std::vector<uint32_t> values(numbers.size() + unpack_over_write), docs(values.size());
      posting_kernels().unpack(bytes.data() + skip, bits, count, values.data());
      posting_kernels().unpack_ascending(bytes.data() + skip, bits, count, 41, docs.data());
      uint32_t doc = 41;
      for (size_t i = 0; i < numbers.size(); ++i) {
        doc += numbers[i] + 1;
        ASSERT_EQ(values[i], numbers[i] + 1) << bits << " bits, " << i << " of " << count;
        ASSERT_EQ(docs[i], doc) << bits << " bits, " << i << " of " << count;
      }
    }
}

struct Postings {
  std::vector<uint32_t> docs, values;
  std::vector<uint8_t> lengths;
};

Postings random_postings(Rng& rng, int count) {
  Postings made;
  uint32_t doc = static_cast<uint32_t>(rng.below(5));
  for (int i = 0; i < count; ++i) {
    made.docs.push_back(doc);
    made.values.push_back(1 + static_cast<uint32_t>(rng.below(50)));
    doc += 1 + static_cast<uint32_t>(rng.below(9));
  }
  made.lengths.resize(doc + 1);
  for (auto& length : made.lengths) length = static_cast<uint8_t>(rng.below(256));
  made.docs.resize(made.docs.size() + unpack_over_write);
  made.values.resize(made.values.size() + unpack_over_write);
  return made;
}

TEST_P(PostingKernelsTest, AddsWhatTheFormulaSaysInsideTheWindowOnly) {
  Rng rng(8);
  std::vector<float> norms(256);
  for (size_t i = 0; i < norms.size(); ++i) norms[i] = 0.3f + 0.01f * static_cast<float>(i);
  for (int count = 0; count <= 130; ++count) {
    const Postings postings = random_postings(rng, count);
    const uint32_t documents = static_cast<uint32_t>(postings.lengths.size());
    const uint32_t begin = static_cast<uint32_t>(rng.below(documents));
    const uint32_t size = static_cast<uint32_t>(rng.below(documents - begin + 1));
    std::vector<int32_t> saturated(size, 5), linear(size, 5), expected_saturated(size, 5),
        expected_linear(size, 5);
    std::vector<uint8_t> touched(size / 64 + 1), expected_touched(touched.size());
    for (int i = 0; i < count; ++i) {
      const auto doc = postings.docs[static_cast<size_t>(i)];
      if (doc < begin || doc >= begin + size) continue;
      expected_touched[(doc - begin) / 64] = 1;
      const float value = static_cast<float>(postings.values[static_cast<size_t>(i)]);
      expected_saturated[doc - begin] +=
          static_cast<int32_t>(std::lrint(70000.5f * (value / (value + norms[postings.lengths[doc]]))));
      expected_linear[doc - begin] += static_cast<int32_t>(std::lrint(33.3f * value));
    }
    const auto& kernels = posting_kernels();
    kernels.add_saturated(postings.docs.data(), postings.values.data(), count, postings.lengths.data(),
                          norms.data(), 70000.5f, begin, size, saturated.data(), touched.data());
    kernels.add_linear(postings.docs.data(), postings.values.data(), count, 33.3f, begin, size, linear.data(),
                       touched.data());
    ASSERT_EQ(saturated, expected_saturated) << count;
    ASSERT_EQ(linear, expected_linear) << count;
    ASSERT_EQ(touched, expected_touched) << count;
  }
}

TEST_P(PostingKernelsTest, CollectsWhatIsAboveAndClears) {
  Rng rng(9);
  for (int count = 0; count <= 300; ++count) {
    std::vector<int32_t> scores(static_cast<size_t>(count));
    std::vector<uint8_t> touched(scores.size() / 64 + 1);
    for (auto& flag : touched) flag = rng.chance(0.7);
    for (size_t i = 0; i < scores.size(); ++i)
      if (touched[i / 64]) scores[i] = static_cast<int32_t>(rng.below(10));
    std::vector<uint32_t> expected;
    for (size_t i = 0; i < scores.size(); ++i)
      if (scores[i] > 4) expected.push_back(1000 + static_cast<uint32_t>(i));
    std::vector<uint32_t> docs(scores.size() + unpack_over_write);
    std::vector<int32_t> kept(docs.size()), before = scores;
    const int found = posting_kernels().collect_above(scores.data(), touched.data(), count, 4, 1000,
                                                      docs.data(), kept.data());
    docs.resize(static_cast<size_t>(found));
    ASSERT_EQ(docs, expected);
    for (size_t i = 0; i < docs.size(); ++i) ASSERT_EQ(kept[i], before[docs[i] - 1000]);
    ASSERT_THAT(scores, testing::Each(0));
    touched.resize((scores.size() + 63) / 64);
    ASSERT_THAT(touched, testing::Each(0));
  }
}

INSTANTIATE_TEST_SUITE_P(All, PostingKernelsTest, testing::ValuesIn(supported_isas()),
                         [](const auto& instance) { return to_string(instance.param); });

}  // namespace
}  // namespace coppice::kernels
