// Block types against definitions written a second time, bit by bit and in double precision: every field of a
// block is taken apart into numbers first, and each element is computed from them by itself.

#include <cmath>
#include <cstring>

#include <gmock/gmock.h>

#include "base/rng.h"
#include "format/float16.h"
#include "format/gguf_types.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using testing::HasSubstr;

using Block = std::vector<uint8_t>;

// `count` bits from bit `first` of a block, lowest first.
int bits(const Block& block, size_t first, size_t count) {
  int value = 0;
  for (size_t i = 0; i < count; ++i) value |= (block[(first + i) / 8] >> ((first + i) % 8) & 1) << i;
  return value;
}

double half(const Block& block, size_t byte) {
  return f16_to_float(static_cast<uint16_t>(block[byte] | block[byte + 1] << 8));
}

// The 6-bit numbers k of Q4_K and Q5_K (scales 0 to 7, minima 8 to 15), by where each bit lies in the 12
// bytes from byte 4: for k % 8 < 4 whole in a byte of the first two rows of four; otherwise four bits in the
// third row and the upper two in the top of the first (scales) or second (minima).
int packed_six(const Block& block, int k) {
  const int j = k % 8, minimum = k / 8;
  const auto byte = [&](int row, int column) { return static_cast<size_t>(8 * (4 + 4 * row + column)); };
  if (j < 4) return bits(block, byte(minimum, j), 6);
  return bits(block, byte(2, j - 4) + 4 * static_cast<size_t>(minimum), 4) +
         16 * bits(block, byte(minimum, j - 4) + 6, 2);
}

// Element i of a block, exactly.
double element(GgmlType type, const Block& block, int index) {
  const auto i = static_cast<size_t>(index), j = i % 16;
  const auto nibble = [&](size_t first_byte) {
    return bits(block, 8 * (first_byte + j) + (i < 16 ? 0 : 4), 4);
  };
  const size_t part = i / 32, within = i % 32;
  switch (type) {
    case GgmlType::q8_0:
      return half(block, 0) * static_cast<int8_t>(block[2 + i]);
    case GgmlType::q4_0:
      return half(block, 0) * (nibble(2) - 8);
    case GgmlType::q4_1:
      return half(block, 0) * nibble(4) + half(block, 2);
    case GgmlType::q5_0:
      return half(block, 0) * (nibble(6) + 16 * bits(block, 16 + i, 1) - 16);
    case GgmlType::q5_1:
      return half(block, 0) * (nibble(8) + 16 * bits(block, 32 + i, 1)) + half(block, 2);
    case GgmlType::q4_k: {
      const int q = bits(block, 8 * (16 + part / 2 * 32 + within) + 4 * (part % 2), 4);
      return half(block, 0) * packed_six(block, static_cast<int>(part)) * q -
             half(block, 2) * packed_six(block, static_cast<int>(part) + 8);
    }
    case GgmlType::q5_k: {
      const int q = bits(block, 8 * (48 + part / 2 * 32 + within) + 4 * (part % 2), 4) +
                    16 * bits(block, 8 * (16 + within) + part, 1);
      return half(block, 0) * packed_six(block, static_cast<int>(part)) * q -
             half(block, 2) * packed_six(block, static_cast<int>(part) + 8);
    }
    case GgmlType::q6_k: {
      const size_t side = i / 128, row = i % 128 / 32;
      const int q = bits(block, 8 * (64 * side + row % 2 * 32 + within) + 4 * (row / 2), 4) +
                    16 * bits(block, 8 * (128 + 32 * side + within) + 2 * row, 2);
      return half(block, 208) * static_cast<int8_t>(block[192 + i / 16]) * (q - 32);
    }
    default:
      ADD_FAILURE() << "no such block";
      return 0;
  }
}

// Where a block has its F16 scales and minima.
std::vector<size_t> scale_places(GgmlType type) {
  if (type == GgmlType::q6_k) return {208};
  if (type == GgmlType::q8_0 || type == GgmlType::q4_0 || type == GgmlType::q5_0) return {0};
  return {0, 2};
}

class BlockTypes : public testing::TestWithParam<GgmlType> {};

TEST_P(BlockTypes, AreReadAsDefined) {
  const GgmlTypeInfo& type = ggml_type_info(GetParam());
  Rng rng(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<Block> blocks(3, Block(static_cast<size_t>(type.block_bytes)));
    std::vector<std::byte> bytes;
    for (auto& block : blocks) {
      for (auto& byte : block) byte = static_cast<uint8_t>(rng.next());
      for (const size_t at : scale_places(GetParam())) {
        const uint16_t scale = float_to_f16(static_cast<float>(rng.uniform(-2, 2)));
        std::memcpy(block.data() + at, &scale, 2);
      }
      const auto raw = std::as_bytes(std::span(block));
      bytes.insert(bytes.end(), raw.begin(), raw.end());
    }
    const auto values = dequantize(type.number, bytes, "block");
    ASSERT_EQ(values.size(), 3 * static_cast<size_t>(type.block_elements));
    for (size_t i = 0; i < values.size(); ++i) {
      const double wanted = element(GetParam(), blocks[i / static_cast<size_t>(type.block_elements)],
                                    static_cast<int>(i % static_cast<size_t>(type.block_elements)));
      // Three roundings of terms that are below 2 * 128 * 32.
      ASSERT_NEAR(values[i], wanted, 3 * 8192 * 0x1p-24) << type.name << " element " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Gguf, BlockTypes,
                         testing::Values(GgmlType::q8_0, GgmlType::q4_0, GgmlType::q4_1, GgmlType::q5_0,
                                         GgmlType::q5_1, GgmlType::q4_k, GgmlType::q5_k, GgmlType::q6_k),
                         [](const auto& param) { return std::string(ggml_type_info(param.param).name); });

// Blocks of one value each, whose result can be told by hand.
TEST(GgufBlocks, ByHand) {
  const auto read = [](GgmlType type, Block block) {
    return dequantize(static_cast<uint32_t>(type), std::as_bytes(std::span(block)), "block");
  };
  const uint8_t one[] = {0x00, 0x3C}, two[] = {0x00, 0x40};  // 1 and 2 in F16
  Block block(18, 0);
  block[0] = two[0], block[1] = two[1], block[2] = 0xF1;  // element 0: 1, element 16: 15, the others 0
  auto values = read(GgmlType::q4_0, block);
  EXPECT_EQ(values[0], 2 * (1 - 8));
  EXPECT_EQ(values[16], 2 * (15 - 8));
  EXPECT_EQ(values[1], 2 * -8);

  block.assign(210, 0);  // Q6_K: zeros are -32
  block[208] = one[0], block[209] = one[1];
  block[192 + 15] = static_cast<uint8_t>(-3);  // the last 16 elements
  values = read(GgmlType::q6_k, block);
  EXPECT_EQ(values[255], -3 * -32);
  EXPECT_EQ(values[239], 0);
}

std::vector<float> random_floats(Rng& rng, size_t count) {
  std::vector<float> values;
  const double scale = std::pow(10.0, rng.uniform(-6, 3));
  for (size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.normal() * scale));
  return values;
}

// The reference rounding, spelled out: d in float from the extreme element, its inverse in float, then the
// quotient rounded to a small integer.
TEST(GgufBlocks, Q8IsRoundedAsTheReference) {
  Rng rng(3);
  for (int round = 0; round < 500; ++round) {
    const auto x = random_floats(rng, 32);
    const auto bytes = quantize(GgmlType::q8_0, x, "x");
    ASSERT_EQ(bytes.size(), 34);
    float largest = 0;
    for (const float value : x) largest = std::max(largest, std::abs(value));
    const float d = largest / 127;
    uint16_t stored = 0;
    std::memcpy(&stored, bytes.data(), 2);
    EXPECT_EQ(stored, float_to_f16(d));
    const float inverse = 1 / d;
    for (size_t i = 0; i < 32; ++i) {
      const float quotient = x[i] * inverse;
      const double away =
          std::floor(std::fabs(static_cast<double>(quotient)) + 0.5);  // halves away from zero
      EXPECT_EQ(static_cast<int8_t>(bytes[2 + i]), static_cast<int>(quotient < 0 ? -away : away));
    }
  }
}

TEST(GgufBlocks, Q4IsRoundedAsTheReference) {
  Rng rng(4);
  for (int round = 0; round < 500; ++round) {
    const auto x = random_floats(rng, 32);
    const auto bytes = quantize(GgmlType::q4_0, x, "x");
    ASSERT_EQ(bytes.size(), 18);
    const float extreme =
        *std::max_element(x.begin(), x.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
    const float d = extreme / -8;
    uint16_t stored = 0;
    std::memcpy(&stored, bytes.data(), 2);
    EXPECT_EQ(stored, float_to_f16(d));
    const float inverse = 1 / d;
    for (size_t i = 0; i < 32; ++i) {
      const float shifted = x[i] * inverse + 8.5f;
      const int wanted = std::min(15, static_cast<int>(std::floor(shifted)));
      const auto byte = static_cast<uint8_t>(bytes[2 + i % 16]);
      EXPECT_EQ(i < 16 ? byte & 15 : byte >> 4, wanted);
    }
  }
}

// Types with minima, and with a fifth bit: the quotients that the definition gives, in float as in the reference.
TEST(GgufBlocks, MinimaAndFifthBitsAreRoundedAsTheReference) {
  Rng rng(7);
  for (int round = 0; round < 300; ++round) {
    const auto x = random_floats(rng, 32);
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    const float extreme =
        *std::max_element(x.begin(), x.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
    for (const GgmlType type : {GgmlType::q4_1, GgmlType::q5_0, GgmlType::q5_1}) {
      const auto bytes = quantize(type, x, "x");
      Block block;
      for (const std::byte byte : bytes) block.push_back(static_cast<uint8_t>(byte));
      const float d = type == GgmlType::q4_1   ? (*high - *low) / 15
                      : type == GgmlType::q5_1 ? (*high - *low) / 31
                                               : extreme / -16;
      EXPECT_EQ(bits(block, 0, 16), float_to_f16(d));
      if (type != GgmlType::q5_0) {
        EXPECT_EQ(bits(block, 16, 16), float_to_f16(*low));
      }
      const float inverse = 1 / d;
      for (size_t i = 0; i < 32; ++i) {
        const float from = type == GgmlType::q5_0 ? 0 : *low, shift = type == GgmlType::q5_0 ? 16.5f : 0.5f;
        const float quotient = (x[i] - from) * inverse + shift;
        const int wanted = std::min(type == GgmlType::q4_1 ? 15 : 31, static_cast<int>(std::floor(quotient)));
        const size_t first = type == GgmlType::q4_1 ? 4 : type == GgmlType::q5_0 ? 6 : 8;
        int found = bits(block, 8 * (first + i % 16) + (i < 16 ? 0 : 4), 4);
        if (type != GgmlType::q4_1) found += 16 * bits(block, 8 * (first - 4) + i, 1);
        EXPECT_EQ(found, wanted) << ggml_type_info(type).name;
      }
    }
  }
}

// A block as good as plain rounding gives: every part of 32 from its minimum to its maximum in even steps, whose
// step and minimum are whole multiples of a 63rd of the largest.
double plainly_rounded_error(const std::vector<float>& x, int levels) {
  float steps[8], minima[8], largest_step = 1e-30f, largest_minimum = 1e-30f;
  for (size_t p = 0; p < 8; ++p) {
    const auto [low, high] =
        std::minmax_element(x.begin() + 32 * static_cast<long>(p), x.begin() + 32 * static_cast<long>(p + 1));
    minima[p] = std::max(0.0f, -*low);
    steps[p] = (*high + minima[p]) / static_cast<float>(levels);
    largest_step = std::max(largest_step, steps[p]);
    largest_minimum = std::max(largest_minimum, minima[p]);
  }
  double error = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const float step = std::round(63 * steps[i / 32] / largest_step) * largest_step / 63,
                minimum = std::round(63 * minima[i / 32] / largest_minimum) * largest_minimum / 63;
    const float q = std::clamp(std::round((x[i] + minimum) / step), 0.0f, static_cast<float>(levels));
    error += std::pow(x[i] - (step * q - minimum), 2);
  }
  return error;
}

double squared_error(GgmlType type, const std::vector<float>& x) {
  const auto back = dequantize(static_cast<uint32_t>(type), quantize(type, x, "x"), "x");
  double error = 0;
  for (size_t i = 0; i < x.size(); ++i) error += std::pow(back[i] - x[i], 2);
  return error;
}

TEST(GgufBlocks, SearchedScalesBeatPlainRounding) {
  Rng rng(8);
  double four = 0, five = 0, six = 0, plain_four = 0, plain_five = 0, eight = 0;
  for (int round = 0; round < 200; ++round) {
    auto x = random_floats(rng, 256);
    float unit = 0;
    for (const float value : x) unit = std::max(unit, std::abs(value));
    for (float& value : x) value /= unit;
    if (round % 3 == 0)
      for (size_t i = 0; i < 64; ++i) x[i] *= 0.1f;
    if (round % 5 == 0)
      for (float& value : x) value = std::abs(value);
    four += squared_error(GgmlType::q4_k, x);
    five += squared_error(GgmlType::q5_k, x);
    six += squared_error(GgmlType::q6_k, x);
    eight += squared_error(GgmlType::q8_0, x);
    plain_four += plainly_rounded_error(x, 15);
    plain_five += plainly_rounded_error(x, 31);
  }
  EXPECT_LT(four, 0.85 * plain_four);
  EXPECT_LT(five, 0.95 * plain_five);
  EXPECT_LT(five, 0.3 * four);
  EXPECT_LT(six, 0.35 * five);
  EXPECT_LT(eight, 0.2 * six);
}

// What a block can hold exactly comes back.
TEST(GgufBlocks, SearchFindsWhatABlockHolds) {
  Rng rng(9);
  for (int round = 0; round < 50; ++round) {
    std::vector<float> x(256);
    for (size_t i = 0; i < 256; ++i) x[i] = static_cast<float>(rng.below(16)) * 0.25f - 2;
    for (size_t p = 0; p < 8; ++p) x[32 * p] = -2, x[32 * p + 1] = 1.75f;
    for (const GgmlType type : {GgmlType::q4_k, GgmlType::q5_k, GgmlType::q6_k}) {
      const auto back = dequantize(static_cast<uint32_t>(type), quantize(type, x, "x"), "x");
      const float tolerance = type == GgmlType::q4_k ? 0.01f : 0.06f;  // the others have steps of their own
      for (size_t i = 0; i < 256; ++i) EXPECT_NEAR(back[i], x[i], tolerance) << ggml_type_info(type).name;
    }
  }
}

TEST(GgufBlocks, OfEqualExtremesTheFirstCounts) {
  std::vector<float> x(32, 0.5f);
  x[3] = -8, x[20] = 8;
  const auto values = dequantize(2, quantize(GgmlType::q4_0, x, "x"), "x");
  EXPECT_EQ(values[3], -8);
  EXPECT_EQ(values[20], 7) << "15 is the largest integer, so that the other sign loses one step";
}

TEST(GgufBlocks, ErrorsAreWithinHalfAStep) {
  Rng rng(5);
  for (int round = 0; round < 100; ++round) {
    const auto x = random_floats(rng, 64);
    for (const auto& [type, steps] : {std::pair(GgmlType::q8_0, 127.0), {GgmlType::q4_0, 8.0}}) {
      const auto back = dequantize(static_cast<uint32_t>(type), quantize(type, x, "x"), "x");
      for (size_t begin = 0; begin < x.size(); begin += 32) {
        double largest = 0;
        for (size_t i = begin; i < begin + 32; ++i) largest = std::max<double>(largest, std::fabs(x[i]));
        // Half a step, a whole one at the end that 4 bits lack, and the rounding of the scale to F16, which
        // is absolute for small ones.
        const double tolerance = (type == GgmlType::q4_0 ? 1.0 : 0.5) / steps + 0.002;
        for (size_t i = begin; i < begin + 32; ++i)
          EXPECT_NEAR(back[i], x[i], largest * tolerance + 127 * 0x1p-25) << ggml_type_info(type).name;
      }
    }
  }
}

TEST(GgufBlocks, PlainTypesKeepTheirBits) {
  Rng rng(6);
  const auto x = random_floats(rng, 100);
  EXPECT_EQ(dequantize(0, quantize(GgmlType::f32, x, "x"), "x"), x);
  for (const auto& [type, round] :
       {std::pair(
            GgmlType::f16, +[](float v) { return f16_to_float(float_to_f16(v)); }),
        {GgmlType::bf16, +[](float v) { return bf16_to_float(float_to_bf16(v)); }}}) {
    const auto back = dequantize(static_cast<uint32_t>(type), quantize(type, x, "x"), "x");
    for (size_t i = 0; i < x.size(); ++i) EXPECT_EQ(back[i], round(x[i]));
  }
}

TEST(GgufBlocks, ZerosAndTinyValues) {
  for (const GgmlType type : {GgmlType::q8_0, GgmlType::q4_0, GgmlType::q4_1, GgmlType::q5_0, GgmlType::q5_1,
                              GgmlType::q4_k, GgmlType::q5_k, GgmlType::q6_k})
    for (const float value : {0.0f, -0.0f, 1e-40f, 1e-30f, -1e-20f}) {
      const std::vector<float> x(256, value);
      for (const float back : dequantize(static_cast<uint32_t>(type), quantize(type, x, "x"), "x"))
        EXPECT_EQ(back, 0);
    }
}

TEST(GgufBlocks, WhatCannotBeHeldIsRefused) {
  std::vector<float> x(256, 1);
  x[7] = NAN;
  for (const GgmlType type :
       {GgmlType::f32, GgmlType::f16, GgmlType::bf16, GgmlType::q8_0, GgmlType::q4_0, GgmlType::q4_1,
        GgmlType::q5_0, GgmlType::q5_1, GgmlType::q4_k, GgmlType::q5_k, GgmlType::q6_k})
    EXPECT_THAT(error_of([&] { quantize(type, x, "weights"); }), HasSubstr("weights: the value nan"));
  x[7] = 1e5f;
  EXPECT_THAT(error_of([&] { quantize(GgmlType::f16, x, "weights"); }), HasSubstr("take bf16 or f32"));
  EXPECT_NO_THROW(quantize(GgmlType::q8_0, x, "weights"));
  x[7] = 1e7f;
  EXPECT_THAT(error_of([&] { quantize(GgmlType::q8_0, x, "weights"); }), HasSubstr("Q8_0 holds"));
  const std::vector<std::byte> block(84);
  EXPECT_FALSE(can_dequantize(10));
  EXPECT_THAT(error_of([&] { dequantize(10, block, "weights"); }),
              HasSubstr("weights: weights of type Q2_K"));
}

}  // namespace
}  // namespace coppice
