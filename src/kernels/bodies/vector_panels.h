#pragma once
// Products of rows with a panel of columns, two vectors of columns and a few rows at a time. The lanes are columns, so
// that nothing is summed across lanes; every output is one chain of multiply-adds in the order of the dimensions.

#include "kernels/bodies/vectors.h"
#include "kernels/vector_kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

constexpr int64_t panel_width = 2 * lanes;
constexpr int panel_rows = lanes == 16 ? 8 : 4;  // as registers allow

COPPICE_INLINE F broadcast(const float* p) {
  return set(*p);
}
COPPICE_INLINE F broadcast(const uint16_t* p) {
  const uint32_t bits = static_cast<uint32_t>(*p) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return set(value);
}

// Calls take(row, low columns, high columns) for `rows` rows from `first`.
template <class Row, int rows, class Take>
COPPICE_INLINE void panel_tile(const PanelArguments& a, const float* panel, int64_t first, Take&& take) {
  const Row* r[rows];
  F low[rows], high[rows];
  COPPICE_UNROLL
  for (int j = 0; j < rows; ++j) {
    r[j] = static_cast<const Row*>(a.rows) + (first + j) * a.row_stride;
    low[j] = high[j] = zero();
  }
  for (int64_t d = 0; d < a.dim; ++d) {
    const F x = load(panel + d * panel_width), y = load(panel + d * panel_width + lanes);
    COPPICE_UNROLL
    for (int j = 0; j < rows; ++j) {
      const F value = broadcast(r[j] + d);
      low[j] = fma(value, x, low[j]);
      high[j] = fma(value, y, high[j]);
    }
  }
  COPPICE_UNROLL
  for (int j = 0; j < rows; ++j) take(first + j, low[j], high[j]);
}

template <class Row, class Take>
COPPICE_INLINE void panel_tiles(const PanelArguments& a, const float* panel, Take&& take) {
  int64_t r = 0;
  for (; r + panel_rows <= a.row_count; r += panel_rows) panel_tile<Row, panel_rows>(a, panel, r, take);
  for (; r + 2 <= a.row_count; r += 2) panel_tile<Row, 2>(a, panel, r, take);
  for (; r < a.row_count; ++r) panel_tile<Row, 1>(a, panel, r, take);
}

template <class Row>
inline void panel_product(const PanelArguments& a, float* scores, int64_t score_stride) {
  for (int64_t p = 0; p < a.panel_count; ++p)
    panel_tiles<Row>(a, a.panels + p * a.dim * panel_width, [=](int64_t row, F low, F high) {
      store(scores + row * score_stride + p * panel_width, low);
      store(scores + row * score_stride + p * panel_width + lanes, high);
    });
}

template <class Row>
inline void panel_max(const PanelArguments& a, float* best) {
  for (int64_t p = 0; p < a.panel_count; ++p) {
    F low_best = load(best + p * panel_width), high_best = load(best + p * panel_width + lanes);
    panel_tiles<Row>(a, a.panels + p * a.dim * panel_width, [&](int64_t, F low, F high) {
      low_best = maximum(low_best, low);
      high_best = maximum(high_best, high);
    });
    store(best + p * panel_width, low_best);
    store(best + p * panel_width + lanes, high_best);
  }
}

inline void panel_argmax(const PanelArguments& a, const float* bias, float* value, int32_t* index) {
  // Rows in blocks that stay in the first cache while the panels stream by.
  constexpr int64_t block = 32;
  for (int64_t first = 0; first < a.row_count; first += block) {
    PanelArguments part = a;
    part.rows = static_cast<const float*>(a.rows) + first * a.row_stride;
    part.row_count = a.row_count - first < block ? a.row_count - first : block;
    for (int64_t r = 0; r < part.row_count; ++r) {
      value[first + r] = -__builtin_inff();
      index[first + r] = 0;
    }
    for (int64_t p = 0; p < a.panel_count; ++p) {
      const F low_bias = load(bias + p * panel_width), high_bias = load(bias + p * panel_width + lanes);
      panel_tiles<float>(part, a.panels + p * a.dim * panel_width, [=](int64_t r, F low, F high) {
        low = add(low, low_bias);
        high = add(high, high_bias);
        if (!(highest(maximum(low, high)) > value[first + r])) return;
        float columns[panel_width];
        store(columns, low);
        store(columns + lanes, high);
        for (int64_t c = 0; c < panel_width; ++c)
          if (columns[c] > value[first + r]) {
            value[first + r] = columns[c];
            index[first + r] = static_cast<int32_t>(p * panel_width + c);
          }
      });
    }
  }
}

inline void max_of_rows(const float* table, int64_t rows, int64_t columns, const uint32_t* ids, int64_t count,
                        float* best) {
  const auto row_of = [=](uint32_t id) {
    return table + (static_cast<int64_t>(id) < rows ? id * columns : 0);
  };
  for (int64_t c = 0; c < columns; c += panel_width) {
    const float* first = row_of(ids[0]) + c;
    F low = load(first), high = load(first + lanes);
    for (int64_t i = 1; i < count; ++i) {
      const float* row = row_of(ids[i]) + c;
      low = maximum(low, load(row));
      high = maximum(high, load(row + lanes));
    }
    store(best + c, low);
    store(best + c + lanes, high);
  }
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
