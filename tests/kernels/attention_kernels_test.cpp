// Attention over cached blocks against double precision, on every table that this machine can run: head widths below two
// vectors and beyond, all numbers of rows up to two tiles, ranges that begin and end anywhere, and the promise that company
// does not change a bit.

#include "kernels/attention_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace coppice::kernels {
namespace {

constexpr CacheElement elements[] = {CacheElement::f32, CacheElement::bf16, CacheElement::f16,
                                     CacheElement::q8};

int64_t padded(int64_t dim) {
  return (dim + width_multiple - 1) / width_multiple * width_multiple;
}

double as_bf16(double value) {
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  return std::bit_cast<float>((bits + 0x7FFFu + ((bits >> 16) & 1u)) & 0xFFFF0000u);
}

double as_f16(double value) {
  if (std::abs(value) >= 65504) return std::copysign(65504.0, value);
  int exponent = 0;
  std::frexp(value, &exponent);
  const double unit = std::ldexp(1.0, std::max(exponent - 11, -24));
  return std::nearbyint(value / unit) * unit;
}

// What a cache of that type holds of one key or value.
std::vector<double> stored(CacheElement element, const std::vector<float>& x) {
  float largest = 0;
  for (const float v : x) largest = std::max(largest, std::abs(v));
  const float scale = largest / 127;
  std::vector<double> result;
  for (const float v : x) {
    const auto value = static_cast<double>(v);
    if (element == CacheElement::bf16) result.push_back(as_bf16(value));
    if (element == CacheElement::f16) result.push_back(as_f16(value));
    if (element == CacheElement::f32) result.push_back(value);
    if (element == CacheElement::q8)
      result.push_back(
          scale > 0 ? std::nearbyint(static_cast<double>(v * (1 / scale))) * static_cast<double>(scale) : 0);
  }
  return result;
}

struct Case {
  Case(CacheElement cache_element, int64_t head_dim, int64_t positions, int64_t row_count, uint64_t seed)
      : element(cache_element),
        dim(head_dim),
        width(padded(head_dim)),
        length(positions),
        rows(row_count),
        rng(seed) {
    for (int64_t k = 0; k < length; ++k) {
      keys.push_back(random(dim, 2));
      values.push_back(random(dim, 3));
    }
    for (int64_t r = 0; r < rows; ++r) {
      queries.push_back(random(dim, 2));
      begin.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(length))));
      end.push_back(static_cast<int32_t>(
          begin.back() + 1 + static_cast<int64_t>(rng.below(static_cast<uint64_t>(length - begin.back())))));
      biases.push_back(random(length, 1));
    }
  }

  std::vector<float> random(int64_t count, double most) {
    std::vector<float> x(static_cast<size_t>(count));
    for (float& v : x) v = static_cast<float>(rng.uniform(-most, most));
    return x;
  }

  CacheElement element;
  int64_t dim, width, length, rows;
  Rng rng;
  std::vector<std::vector<float>> keys, values, queries, biases;
  std::vector<int32_t> begin, end;
};

// Rows [first, first + rows) of a case, through blocks that lie `shift` bytes off alignment.
std::vector<std::vector<float>> run(const AttentionKernels& kernels, const Case& c, int64_t first,
                                    int64_t rows, bool biased, float scale, int64_t shift = 0,
                                    int64_t span = 1 << 20) {
  const int64_t count = (c.length + block_positions - 1) / block_positions;
  const int64_t bytes = cache_block_bytes(c.element, c.width);
  std::vector<std::vector<std::byte>> memory(static_cast<size_t>(count));
  std::vector<const void*> blocks;
  for (auto& block : memory) {
    block.resize(static_cast<size_t>(bytes + shift));
    blocks.push_back(block.data() + shift);
  }
  for (int64_t k = 0; k < c.length; ++k)
    kernels.store(c.element, c.keys[static_cast<size_t>(k)].data(), c.values[static_cast<size_t>(k)].data(),
                  c.dim, c.width, k % block_positions,
                  memory[static_cast<size_t>(k / block_positions)].data() + shift);
  std::vector<float> queries(static_cast<size_t>(rows * c.width));
  std::vector<const float*> biases;
  for (int64_t r = 0; r < rows; ++r) {
    kernels.pack_query(c.element, c.queries[static_cast<size_t>(first + r)].data(), c.dim, scale, c.width,
                       queries.data() + r * c.width);
    biases.push_back(c.biases[static_cast<size_t>(first + r)].data());
  }
  const auto size = static_cast<size_t>(rows);
  std::vector<float> all_highest(size, -INFINITY), all_total(size), all_mixed(queries.size());
  for (int64_t start = 0; start < c.length; start += span) {
    std::vector<float> highest(size), total(size), mixed(queries.size());
    std::vector<int32_t> begin, end;
    std::vector<const float*> moved;
    for (int64_t r = 0; r < rows; ++r) {
      const auto i = static_cast<size_t>(first + r);
      begin.push_back(static_cast<int32_t>(c.begin[i] - start));
      end.push_back(static_cast<int32_t>(std::min(c.end[i] - start, span)));
      moved.push_back(biases[static_cast<size_t>(r)] + start);
    }
    kernels.attend({.element = c.element,
                    .width = c.width,
                    .queries = queries.data(),
                    .rows = rows,
                    .begin = begin.data(),
                    .end = end.data(),
                    .biases = biased ? moved.data() : nullptr,
                    .blocks = blocks.data() + start / block_positions,
                    .highest = highest.data(),
                    .total = total.data(),
                    .mixed = mixed.data()});
    for (size_t r = 0; r < size; ++r)
      kernels.merge(highest[r], total[r], mixed.data() + static_cast<int64_t>(r) * c.width, c.width,
                    &all_highest[r], &all_total[r], all_mixed.data() + static_cast<int64_t>(r) * c.width);
  }
  std::vector<std::vector<float>> result;
  for (size_t r = 0; r < size; ++r) {
    result.emplace_back(static_cast<size_t>(c.dim + 1), NAN);
    kernels.finish(all_total[r], all_mixed.data() + static_cast<int64_t>(r) * c.width, c.dim,
                   result.back().data());
    EXPECT_TRUE(std::isnan(result.back().back()));
    result.back().pop_back();
  }
  return result;
}

// The row in double precision, and the largest score.
std::pair<std::vector<double>, double> exact(const Case& c, size_t row, bool biased, float scale,
                                             bool bf16_queries) {
  std::vector<double> scores, query, result(static_cast<size_t>(c.dim));
  for (const float q : c.queries[row]) {
    const float scaled = q * scale;
    query.push_back(bf16_queries ? as_bf16(static_cast<double>(scaled)) : static_cast<double>(scaled));
  }
  double highest = -INFINITY, total = 0, largest = 0;
  for (int32_t k = c.begin[row]; k < c.end[row]; ++k) {
    const auto key = stored(c.element, c.keys[static_cast<size_t>(k)]);
    double score = biased ? static_cast<double>(c.biases[row][static_cast<size_t>(k)]) : 0;
    for (size_t d = 0; d < query.size(); ++d) score += query[d] * key[d];
    scores.push_back(score);
    highest = std::max(highest, score);
    largest = std::max(largest, std::abs(score));
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    const double share = std::exp(scores[i] - highest);
    const auto value = stored(c.element, c.values[static_cast<size_t>(c.begin[row]) + i]);
    total += share;
    for (size_t d = 0; d < result.size(); ++d) result[d] += share * value[d];
  }
  for (double& value : result) value /= total;
  return {result, largest};
}

bool has_bf16_products(const AttentionKernels& kernels) {
  return std::string(kernels.name) == "avx512_bf16_attention";
}

void expect_exact(const AttentionKernels& kernels, const Case& c, bool biased, int64_t shift,
                  int64_t span = 1 << 20) {
  const float scale = 1 / std::sqrt(static_cast<float>(c.dim));
  const auto got = run(kernels, c, 0, c.rows, biased, scale, shift, span);
  const bool rounded = has_bf16_products(kernels) && c.element == CacheElement::bf16;
  for (size_t r = 0; r < got.size(); ++r) {
    const auto [want, largest] = exact(c, r, biased, scale, rounded);
    const double shares =
        (static_cast<double>(c.width) + 200 + 2 * largest) * 0x1p-24 + (rounded ? 0x1p-8 : 0);
    for (size_t d = 0; d < want.size(); ++d)
      ASSERT_NEAR(got[r][d], want[d], 3 * shares + 1e-6)
          << kernels.name << ' ' << static_cast<int>(c.element) << " dim " << c.dim << " length " << c.length
          << " rows " << c.rows;
  }
}

TEST(AttentionKernels, AreSoftmaxAttention) {
  for (auto table = supported_attention_kernels(); *table != nullptr; ++table)
    for (const CacheElement element : elements) {
      for (int64_t dim = 1; dim <= 35; ++dim)
        expect_exact(**table, Case(element, dim, 1 + dim * 5 % 70, 1 + dim % 3, static_cast<uint64_t>(dim)),
                     dim % 2 == 0, 0);
      for (int64_t length = 1; length <= 131; ++length)
        expect_exact(**table, Case(element, 16, length, 2, static_cast<uint64_t>(length)), false, 0);
      for (int64_t rows = 1; rows <= 17; ++rows)
        for (const int64_t shift : {0, 4, 20})
          expect_exact(**table, Case(element, 40, 150, rows, static_cast<uint64_t>(rows)), rows % 2 == 0,
                       shift);
      expect_exact(**table, Case(element, 128, 700, 9, 1), true, 0, 512);
    }
}

TEST(AttentionKernels, CompanyChangesNoBit) {
  for (auto table = supported_attention_kernels(); *table != nullptr; ++table)
    for (const CacheElement element : elements) {
      const Case c(element, 24, 190, 21, 5);
      const auto all = run(**table, c, 0, c.rows, true, 0.3f);
      for (int64_t r = 0; r < c.rows; ++r)
        EXPECT_EQ(run(**table, c, r, 1, true, 0.3f).front(), all[static_cast<size_t>(r)])
            << (*table)->name << ' ' << r;
    }
}

TEST(AttentionKernels, HalvesSaturateAndExtremesStayFinite) {
  for (auto table = supported_attention_kernels(); *table != nullptr; ++table) {
    Case c(CacheElement::f16, 4, 3, 1, 2);
    c.begin = {0};
    c.end = {3};
    c.values[0] = {1e9f, -1e9f, 6.0e-8f, 0};
    c.keys[0] = {100, 0, 0, 0};
    c.queries[0] = {1000, 0, 0, 0};  // takes the first position alone
    const auto got = run(**table, c, 0, 1, false, 1).front();
    EXPECT_EQ(got[0], 65504.0f);
    EXPECT_EQ(got[1], -65504.0f);
    EXPECT_FLOAT_EQ(got[2], 0x1p-24f);
    Case zeros(CacheElement::q8, 4, 3, 1, 2);
    zeros.values.assign(3, {0, 0, 0, 0});
    EXPECT_EQ(run(**table, zeros, 0, 1, false, 1).front(), std::vector<float>(4, 0.0f));
  }
}

}  // namespace
}  // namespace coppice::kernels
