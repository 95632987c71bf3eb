// Vector kernels against double precision, on every table that this machine can run: all lengths below two blocks and
// some beyond, every misalignment, all bytes, and the promise that company does not change a bit.

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/vector_isa.h"

namespace coppice::kernels {
namespace {

class EveryTable : public ::testing::TestWithParam<const VectorKernels*> {
 protected:
  const VectorKernels& kernels_ = *GetParam();
  Rng rng_{11};

  std::vector<float> random(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(rng_.normal());
    return values;
  }
};

uint16_t truncated(float value) {
  return static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}
double widened(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

constexpr double u = 0x1p-24;

std::vector<int64_t> lengths() {
  std::vector<int64_t> all;
  for (int64_t n = 1; n <= 130; ++n) all.push_back(n);
  for (const int64_t n : {191, 256, 300, 769, 1024}) all.push_back(n);
  return all;
}

TEST_P(EveryTable, ScoresOfFloatsAndBf16) {
  constexpr int64_t most_rows = 11, queries = 6;
  for (const int64_t dim : lengths()) {
    const int64_t shift = dim % 5, stride = dim + 3;
    const auto q = random(shift + queries * stride);
    const auto w = random(shift + most_rows * stride);
    std::vector<uint16_t> h(w.size());
    std::transform(w.begin(), w.end(), h.begin(), truncated);
    std::vector<uint32_t> ids;
    for (int64_t r = 0; r < most_rows; ++r) ids.push_back(static_cast<uint32_t>(rng_.below(most_rows)));
    for (const bool bf16 : {false, true})
      for (const bool distance : {false, true})
        for (const bool gather : {false, true}) {
          std::vector<float> scores(queries * most_rows, -1);
          const RowsArguments arguments = {
              .queries = q.data() + shift,
              .query_stride = stride,
              .query_count = queries,
              .rows = bf16 ? static_cast<const void*>(h.data() + shift) : w.data() + shift,
              .row_stride = stride,
              .row_ids = gather ? ids.data() : nullptr,
              .row_count = most_rows,
              .dim = dim,
              .scores = scores.data(),
              .score_stride = most_rows};
          const auto kernel = bf16 ? (distance ? kernels_.squared_distance_bf16 : kernels_.dot_bf16)
                                   : (distance ? kernels_.squared_distance_f32 : kernels_.dot_f32);
          kernel(arguments);
          for (int64_t i = 0; i < queries; ++i)
            for (int64_t j = 0; j < most_rows; ++j) {
              const int64_t row = gather ? ids[static_cast<size_t>(j)] : j;
              double exact = 0, magnitude = 0;
              for (int64_t d = 0; d < dim; ++d) {
                const auto at = static_cast<size_t>(shift + row * stride + d);
                const double x = q[static_cast<size_t>(shift + i * stride + d)];
                const double y = bf16 ? widened(h[at]) : double{w[at]};
                const double term = distance ? (x - y) * (x - y) : x * y;
                exact += term;
                magnitude += std::abs(term);
              }
              const double bound = static_cast<double>(dim + 5) * u * magnitude;
              ASSERT_NEAR(scores[static_cast<size_t>(i * most_rows + j)], exact, bound)
                  << "dim " << dim << " bf16 " << bf16 << " distance " << distance << " gather " << gather;
            }
          // The same row alone, for the first and the last query.
          for (const int64_t i : {int64_t{0}, queries - 1})
            for (int64_t j = 0; j < most_rows; ++j) {
              RowsArguments alone = arguments;
              const uint32_t id = gather ? ids[static_cast<size_t>(j)] : static_cast<uint32_t>(j);
              float score = 0;
              alone.queries = q.data() + shift + i * stride;
              alone.query_count = alone.row_count = 1;
              alone.row_ids = &id;
              alone.scores = &score;
              kernel(alone);
              ASSERT_EQ(score, scores[static_cast<size_t>(i * most_rows + j)]) << "dim " << dim;
            }
        }
  }
}

TEST_P(EveryTable, ProductsOfBytesAreExact) {
  constexpr int64_t rows = 19, queries = 2;
  for (const int64_t dim : lengths()) {
    const int64_t stride = dim + 1;
    std::vector<int8_t> q(static_cast<size_t>(queries * stride + 3)),
        w(static_cast<size_t>(rows * stride + 3));
    for (const int extreme : {0, 1, 2}) {
      for (auto* bytes : {&q, &w})
        for (int8_t& byte : *bytes)
          byte = extreme == 1   ? int8_t{-128}
                 : extreme == 2 ? (rng_.chance(0.5) ? int8_t{127} : int8_t{-128})
                                : static_cast<int8_t>(rng_.below(256));
      std::vector<int32_t> scores(queries * rows);
      std::vector<uint32_t> ids(rows);
      for (uint32_t& id : ids) id = static_cast<uint32_t>(rng_.below(rows));
      for (const bool gather : {false, true}) {
        kernels_.dot_int8({.queries = q.data() + 1,
                           .query_stride = stride,
                           .query_count = queries,
                           .rows = w.data() + 2,
                           .row_stride = stride,
                           .row_ids = gather ? ids.data() : nullptr,
                           .row_count = rows,
                           .dim = dim,
                           .scores = scores.data(),
                           .score_stride = rows});
        for (int64_t i = 0; i < queries; ++i)
          for (int64_t j = 0; j < rows; ++j) {
            int32_t exact = 0;
            const int64_t row = gather ? ids[static_cast<size_t>(j)] : j;
            for (int64_t d = 0; d < dim; ++d)
              exact += int32_t{q[static_cast<size_t>(1 + i * stride + d)]} *
                       int32_t{w[static_cast<size_t>(2 + row * stride + d)]};
            ASSERT_EQ(scores[static_cast<size_t>(i * rows + j)], exact) << "dim " << dim;
          }
      }
    }
  }
}

TEST_P(EveryTable, PanelsGiveProductsMaximaAndTheFirstBest) {
  const int64_t width = kernels_.panel_width;
  for (const int64_t dim : {1, 2, 7, 16, 33, 128})
    for (const int64_t columns : {int64_t{1}, width, width + 1, 3 * width})
      for (const int64_t rows : {1, 2, 3, 7, 8, 9, 35, 70}) {
        const int64_t panels = (columns + width - 1) / width, stride = dim + 1;
        const auto x = random(columns * dim), y = random(rows * stride);
        std::vector<uint16_t> h(y.size());
        std::transform(y.begin(), y.end(), h.begin(), truncated);
        std::vector<float> packed(static_cast<size_t>(panels * width * dim));
        for (int64_t c = 0; c < columns; ++c)
          for (int64_t d = 0; d < dim; ++d)
            packed[static_cast<size_t>(c / width * width * dim + d * width + c % width)] =
                x[static_cast<size_t>(c * dim + d)];
        const auto exact = [&](int64_t r, int64_t c, bool bf16, double& magnitude) {
          double sum = 0;
          magnitude = 0;
          for (int64_t d = 0; d < dim; ++d) {
            const auto at = static_cast<size_t>(r * stride + d);
            const double term = (bf16 ? widened(h[at]) : double{y[at]}) * x[static_cast<size_t>(c * dim + d)];
            sum += term;
            magnitude += std::abs(term);
          }
          return sum;
        };
        PanelArguments arguments = {.panels = packed.data(),
                                    .panel_count = panels,
                                    .dim = dim,
                                    .rows = y.data(),
                                    .row_stride = stride,
                                    .row_count = rows};
        std::vector<float> scores(static_cast<size_t>(rows * panels * width));
        for (const bool bf16 : {true, false}) {
          arguments.rows = bf16 ? static_cast<const void*>(h.data()) : y.data();
          (bf16 ? kernels_.panel_product_bf16 : kernels_.panel_product_f32)(arguments, scores.data(),
                                                                            panels * width);
          for (int64_t r = 0; r < rows; ++r)
            for (int64_t c = 0; c < columns; ++c) {
              double magnitude;
              const double sum = exact(r, c, bf16, magnitude);
              ASSERT_NEAR(scores[static_cast<size_t>(r * panels * width + c)], sum,
                          static_cast<double>(dim + 2) * u * magnitude);
            }
          std::vector<float> best(static_cast<size_t>(panels * width), -INFINITY);
          (bf16 ? kernels_.panel_max_bf16 : kernels_.panel_max_f32)(arguments, best.data());
          for (int64_t c = 0; c < columns; ++c) {
            float highest = -INFINITY;
            for (int64_t r = 0; r < rows; ++r)
              highest = std::max(highest, scores[static_cast<size_t>(r * panels * width + c)]);
            ASSERT_EQ(best[static_cast<size_t>(c)], highest);
          }
        }
        // `scores` are those of floats now. Some columns are equal, so that the first has to win.
        std::vector<float> bias(static_cast<size_t>(panels * width), -INFINITY),
            value(static_cast<size_t>(rows));
        for (int64_t c = 0; c < columns; ++c)
          bias[static_cast<size_t>(c)] = static_cast<float>(rng_.normal());
        std::vector<int32_t> index(static_cast<size_t>(rows));
        kernels_.panel_argmax(arguments, bias.data(), value.data(), index.data());
        for (int64_t r = 0; r < rows; ++r) {
          int32_t best = 0;
          float highest = -INFINITY;
          for (int64_t c = 0; c < columns; ++c)
            if (const float score =
                    scores[static_cast<size_t>(r * panels * width + c)] + bias[static_cast<size_t>(c)];
                score > highest) {
              highest = score;
              best = static_cast<int32_t>(c);
            }
          ASSERT_EQ(index[static_cast<size_t>(r)], best);
          ASSERT_EQ(value[static_cast<size_t>(r)], highest);
        }
      }
}

TEST_P(EveryTable, ArgmaxTakesTheFirstOfEquals) {
  const int64_t width = kernels_.panel_width;
  const std::vector<float> panels(static_cast<size_t>(2 * width * 3), 1),
      bias(static_cast<size_t>(2 * width), 0);
  const auto rows = random(5 * 3);
  std::vector<float> value(5);
  std::vector<int32_t> index(5, -1);
  kernels_.panel_argmax({.panels = panels.data(),
                         .panel_count = 2,
                         .dim = 3,
                         .rows = rows.data(),
                         .row_stride = 3,
                         .row_count = 5},
                        bias.data(), value.data(), index.data());
  EXPECT_EQ(index, std::vector<int32_t>(5, 0));
}

TEST_P(EveryTable, MaximaOfRowsOfATable) {
  const int64_t columns = 2 * kernels_.panel_width, rows = 40;
  const auto table = random(rows * columns);
  for (int64_t count = 1; count < 20; ++count) {
    std::vector<uint32_t> ids;
    for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<uint32_t>(rng_.below(rows)));
    if (count == 7) ids[3] = 0xFFFFFFFF;  // counts as 0
    std::vector<float> best(static_cast<size_t>(columns));
    kernels_.max_of_rows(table.data(), rows, columns, ids.data(), count, best.data());
    for (int64_t c = 0; c < columns; ++c) {
      float highest = -INFINITY;
      for (const uint32_t id : ids) highest = std::max(highest, table[(id < rows ? id : 0) * columns + c]);
      ASSERT_EQ(best[static_cast<size_t>(c)], highest);
    }
  }
}

TEST_P(EveryTable, ResidualsAndLookups) {
  for (const int bits : {1, 2, 4})
    for (int64_t dim = 8; dim <= 136; dim += 8) {
      const auto base = random(dim);
      auto weights = random(16);
      std::vector<uint8_t> codes(static_cast<size_t>(dim * bits / 8));
      for (uint8_t& byte : codes) byte = static_cast<uint8_t>(rng_.below(256));
      std::vector<float> y(static_cast<size_t>(dim));
      kernels_.decode_residual(base.data(), codes.data(), bits, weights.data(), dim, y.data());
      for (int64_t d = 0; d < dim; ++d) {
        const int code = codes[static_cast<size_t>(d * bits / 8)] >> (d * bits % 8) & ((1 << bits) - 1);
        ASSERT_EQ(y[static_cast<size_t>(d)],
                  base[static_cast<size_t>(d)] + weights[static_cast<size_t>(code)]);
      }
    }
  for (const int64_t subquantizers : {1, 3, 32})
    for (int64_t count = 1; count < 10; ++count) {
      const auto table = random(256 * subquantizers);
      std::vector<uint8_t> codes(static_cast<size_t>(subquantizers * count));
      for (uint8_t& byte : codes) byte = static_cast<uint8_t>(rng_.below(256));
      std::vector<float> sums(static_cast<size_t>(count));
      kernels_.sum_lookups(table.data(), codes.data(), subquantizers, count, sums.data());
      for (int64_t i = 0; i < count; ++i) {
        float sum = 0;
        for (int64_t s = 0; s < subquantizers; ++s)
          sum += table[static_cast<size_t>(256 * s + codes[static_cast<size_t>(i * subquantizers + s)])];
        ASSERT_EQ(sums[static_cast<size_t>(i)], sum);
      }
    }
}

INSTANTIATE_TEST_SUITE_P(All, EveryTable, ::testing::ValuesIn(supported_vector_kernels()),
                         [](const auto& test) { return std::string(test.param->name); });

}  // namespace
}  // namespace coppice::kernels
