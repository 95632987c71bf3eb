#pragma once
// Attention over spans of cached blocks: scores, online softmax (Milakov and Gimelshein 2018) and the weighted sum of
// values, a block at a time for a few rows at a time; included once by each isa_attention_*.cpp. With COPPICE_BF16_PRODUCTS,
// products of bf16 are the processor's own.

#include "kernels/attention_kernels.h"
#include "kernels/bodies/exponential.h"

#include COPPICE_CACHE_HEADER

#define COPPICE_NAME_TEXT(name) #name
#define COPPICE_NAME(name) COPPICE_NAME_TEXT(name)

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

constexpr int most_rows = lanes == 16 ? 8 : 4;  // as many sums as registers hold, two vectors for each row
constexpr int64_t group_positions = 2 * lanes;  // whose scores are summed together
#if defined(COPPICE_BF16_PRODUCTS)
constexpr bool bf16_products = true;
#else
constexpr bool bf16_products = false;
#endif
constexpr float lowest = -__builtin_inff();

COPPICE_INLINE float first_lane(F a) {
  float all[lanes];
  store(all, a);
  return all[0];
}
COPPICE_INLINE uint32_t bits_of(float value) {
  uint32_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}
COPPICE_INLINE float float_of(uint32_t bits) {
  float value = 0;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// Rounding to nearest, ties to even.
COPPICE_INLINE uint16_t to_bf16(float value) {
  const uint32_t bits = bits_of(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}
COPPICE_INLINE uint16_t to_half(float value) {
  const uint32_t all = bits_of(value), sign = (all >> 16) & 0x8000u, bits = all & 0x7FFFFFFFu;
  constexpr uint32_t normal = 0x38800000u, too_large = 0x477FF000u, infinite = 0x7F800000u;
  uint32_t half = 0;
  if (bits > infinite)
    half = 0x7E00u;
  else if (bits >= too_large)
    half = 0x7BFFu;
  else if (bits < normal)
    half = bits_of(float_of(bits) + 0.5f) - bits_of(0.5f);  // the sum's last bit is the least f16
  else
    half = (bits - (112u << 23) + 0xFFFu + ((bits >> 13) & 1u)) >> 13;
  return static_cast<uint16_t>(sign | half);
}

template <class T, class Convert>
COPPICE_INLINE void store_plain(const float* key, const float* value, int64_t dim, int64_t width, int64_t k,
                                T* block, const Convert& convert) {
  T* keys = block + k / panel_positions * panel_positions * width + k % panel_positions;
  T* values = block + (block_positions + k) * width;
  for (int64_t d = 0; d < dim; ++d) keys[d * panel_positions] = convert(key[d], false);
  for (int64_t d = 0; d < dim; ++d) values[d] = convert(value[d], true);
}

COPPICE_INLINE float byte_scale(const float* x, int64_t count) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i)
    largest = __builtin_fabsf(x[i]) > largest ? __builtin_fabsf(x[i]) : largest;
  return largest / 127;
}

inline void store_position(CacheElement element, const float* key, const float* value, int64_t dim,
                           int64_t width, int64_t k, void* block) {
  switch (element) {
    case CacheElement::f32:
      return store_plain(key, value, dim, width, k, static_cast<float*>(block),
                         [](float x, bool) { return x; });
    case CacheElement::f16:
      return store_plain(key, value, dim, width, k, static_cast<uint16_t*>(block),
                         [](float x, bool) { return to_half(x); });
    case CacheElement::q8: {
      const float scales[] = {byte_scale(key, dim), byte_scale(value, dim)};
      const float inverse[] = {scales[0] > 0 ? 1 / scales[0] : 0, scales[1] > 0 ? 1 / scales[1] : 0};
      auto* kept = reinterpret_cast<float*>(static_cast<int8_t*>(block) + 2 * block_positions * width);
      kept[k] = scales[0];
      kept[block_positions + k] = scales[1];
      return store_plain(key, value, dim, width, k, static_cast<int8_t*>(block), [&](float x, bool of_value) {
        const float rounded = x * inverse[of_value] + 12582912.0f;  // 1.5 * 2^23: a whole number
        return static_cast<int8_t>(rounded - 12582912.0f);
      });
    }
    case CacheElement::bf16: {
      auto* keys = static_cast<uint16_t*>(block) + k / panel_positions * panel_positions * width +
                   k % panel_positions * 2;
      auto* values = static_cast<uint16_t*>(block) + block_positions * width + k / 2 * 2 * width + k % 2;
      for (int64_t d = 0; d < dim; ++d) keys[d / 2 * 2 * panel_positions + d % 2] = to_bf16(key[d]);
      for (int64_t d = 0; d < dim; ++d) values[2 * d] = to_bf16(value[d]);
      return;
    }
  }
}

inline void pack_query(CacheElement element, const float* from, int64_t dim, float scale, int64_t width,
                       float* to) {
  for (int64_t d = 0; d < width; ++d) to[d] = 0;
  if (bf16_products && element == CacheElement::bf16) {
    auto* halves = reinterpret_cast<uint16_t*>(to);
    for (int64_t d = 0; d < dim; ++d) {
      const uint16_t half = to_bf16(from[d] * scale);
      __builtin_memcpy(halves + d, &half, sizeof half);
    }
    return;
  }
  for (int64_t d = 0; d < dim; ++d) to[d] = from[d] * scale;
}

template <CacheElement element>
struct Stored {
  using Type = uint16_t;
};
template <>
struct Stored<CacheElement::f32> {
  using Type = float;
};
template <>
struct Stored<CacheElement::q8> {
  using Type = int8_t;
};

// Elements 2 i and 2 i + 1 of vectors of positions of a panel, or of two rows of values.
template <CacheElement element>
COPPICE_INLINE void read(const typename Stored<element>::Type* at, int64_t step, F& a, F& b) {
  if constexpr (element == CacheElement::bf16) {
    load_pairs(at, a, b);
  } else if constexpr (element == CacheElement::f16) {
    a = load_half(at);
    b = load_half(at + step);
  } else if constexpr (element == CacheElement::q8) {
    a = load_bytes(at);
    b = load_bytes(at + step);
  } else {
    a = load(at);
    b = load(at + step);
  }
}

// Elements side by side in memory that belong to one position (of keys) or one column (of values).
template <CacheElement element>
constexpr int64_t paired = element == CacheElement::bf16 ? 2 : 1;

#if defined(COPPICE_BF16_PRODUCTS)
COPPICE_INLINE __m512bh load_bf16(const uint16_t* p) {
  return reinterpret_cast<__m512bh>(_mm512_loadu_si512(p));
}
COPPICE_INLINE __m512bh two_bf16(const uint16_t* p) {
  int32_t pair = 0;
  __builtin_memcpy(&pair, p, sizeof pair);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
}
#endif

// scores[r][first...] of one group of positions.
template <CacheElement element, int rows>
COPPICE_INLINE void score_group(const float* const* queries, const void* block, int64_t width, int64_t first,
                                float (*scores)[block_positions]) {
  using T = typename Stored<element>::Type;
  const T* panel = static_cast<const T*>(block) + first / panel_positions * panel_positions * width +
                   first % panel_positions * paired<element>;
  F sums[rows][2];
  COPPICE_UNROLL
  for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = zero();
  for (int64_t d = 0; d < width; d += 2) {
    const T* at = panel + d * panel_positions;
#if defined(COPPICE_BF16_PRODUCTS)
    if constexpr (element == CacheElement::bf16) {
      const __m512bh first_half = load_bf16(at), second_half = load_bf16(at + 2 * lanes);
      COPPICE_UNROLL
      for (int r = 0; r < rows; ++r) {
        const __m512bh query = two_bf16(reinterpret_cast<const uint16_t*>(queries[r]) + d);
        sums[r][0] = _mm512_dpbf16_ps(sums[r][0], first_half, query);
        sums[r][1] = _mm512_dpbf16_ps(sums[r][1], second_half, query);
      }
      continue;
    }
#endif
    F a[2], b[2];
    read<element>(at, panel_positions, a[0], b[0]);
    read<element>(at + lanes * paired<element>, panel_positions, a[1], b[1]);
    COPPICE_UNROLL
    for (int r = 0; r < rows; ++r) {
      const F even = set(queries[r][d]), odd = set(queries[r][d + 1]);
      sums[r][0] = fma(odd, b[0], fma(even, a[0], sums[r][0]));
      sums[r][1] = fma(odd, b[1], fma(even, a[1], sums[r][1]));
    }
  }
  F scales[2] = {set(1), set(1)};
  if constexpr (element == CacheElement::q8) {
    const auto* kept =
        reinterpret_cast<const float*>(static_cast<const int8_t*>(block) + 2 * block_positions * width);
    scales[0] = load(kept + first);
    scales[1] = load(kept + first + lanes);
  }
  COPPICE_UNROLL
  for (int r = 0; r < rows; ++r) {
    store(scores[r] + first, mul(sums[r][0], scales[0]));
    store(scores[r] + first + lanes, mul(sums[r][1], scales[1]));
  }
}

// mixed[r] = mixed[r] * fade[r] + the values of positions [from, to), both even, weighted by shares[r].
template <CacheElement element, int rows, int columns>
COPPICE_INLINE void mix_columns(const float (*shares)[block_positions], const float* fade, const void* block,
                                int64_t width, int64_t column, int64_t from, int64_t to,
                                float* const* mixed) {
  using T = typename Stored<element>::Type;
  const T* values = static_cast<const T*>(block) + block_positions * width + column * paired<element>;
  F sums[rows][columns];
  COPPICE_UNROLL
  for (int r = 0; r < rows; ++r) {
    COPPICE_UNROLL
    for (int c = 0; c < columns; ++c) sums[r][c] = mul(load(mixed[r] + column + c * lanes), set(fade[r]));
  }
  for (int64_t k = from; k < to; k += 2) {
    const T* at = values + k * width;
#if defined(COPPICE_BF16_PRODUCTS)
    if constexpr (element == CacheElement::bf16) {
      __m512bh value[columns];
      COPPICE_UNROLL
      for (int c = 0; c < columns; ++c) value[c] = load_bf16(at + 2 * c * lanes);
      COPPICE_UNROLL
      for (int r = 0; r < rows; ++r) {
        const __m512bh share = two_bf16(reinterpret_cast<const uint16_t*>(shares[r]) + k);
        COPPICE_UNROLL
        for (int c = 0; c < columns; ++c) sums[r][c] = _mm512_dpbf16_ps(sums[r][c], value[c], share);
      }
      continue;
    }
#endif
    F a[columns], b[columns];
    COPPICE_UNROLL
    for (int c = 0; c < columns; ++c) read<element>(at + c * lanes * paired<element>, width, a[c], b[c]);
    COPPICE_UNROLL
    for (int r = 0; r < rows; ++r) {
      const F even = set(shares[r][k]), odd = set(shares[r][k + 1]);
      COPPICE_UNROLL
      for (int c = 0; c < columns; ++c) sums[r][c] = fma(odd, b[c], fma(even, a[c], sums[r][c]));
    }
  }
  COPPICE_UNROLL
  for (int r = 0; r < rows; ++r) {
    COPPICE_UNROLL
    for (int c = 0; c < columns; ++c) store(mixed[r] + column + c * lanes, sums[r][c]);
  }
}

// Turns the scores of positions [begin, end) into shares, and all others of [from, to) into 0; the row's highest and
// total follow. Returns what the row's earlier sums are to be multiplied by.
template <CacheElement element>
COPPICE_INLINE float share(float* scores, int64_t begin, int64_t end, int64_t from, int64_t to,
                           const float* biases, const void* block, int64_t width, float* highest_score,
                           float* total) {
  constexpr bool in_half = bf16_products && element == CacheElement::bf16;  // shares are stored as bf16
  if (begin >= end) {
    for (int64_t k = in_half ? from / 2 : from; k < to; ++k) scores[k] = 0;
    return 1;
  }
  if (biases != nullptr)
    for (int64_t k = begin; k < end; ++k) scores[k] += biases[k];
  for (int64_t k = from; k < begin; ++k) scores[k] = lowest;
  for (int64_t k = end; k < to; ++k) scores[k] = lowest;
  F high = load(scores + from);
  for (int64_t k = from + lanes; k < to; k += lanes) high = maximum(load(scores + k), high);
  const float best = highest(high), now = best > *highest_score ? best : *highest_score;
  const float fade = first_lane(exponential(set(*highest_score - now)));
  F sums = zero();
  for (int64_t k = from; k < to; k += lanes) {
    F e = exponential(sub(load(scores + k), set(now)));
#if defined(COPPICE_BF16_PRODUCTS)
    if constexpr (element == CacheElement::bf16) {
      const __m256i rounded = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(e));
      _mm256_storeu_si256(reinterpret_cast<__m256i_u*>(reinterpret_cast<uint16_t*>(scores) + k), rounded);
      sums = add(sums, widen(rounded));
      continue;
    }
#endif
    sums = add(sums, e);
    if constexpr (element == CacheElement::q8) {
      const auto* kept =
          reinterpret_cast<const float*>(static_cast<const int8_t*>(block) + 2 * block_positions * width);
      e = mul(e, load(kept + block_positions + k));
    }
    store(scores + k, e);
  }
  *highest_score = now;
  *total = *total * fade + sum(sums);
  return fade;
}

template <CacheElement element, int rows>
COPPICE_INLINE void attend_tile(const AttendArguments& a, int64_t first_row, int64_t block_index) {
  const int64_t start = block_index * block_positions;
  int64_t begin[rows], end[rows], least = block_positions, most = 0;
  for (int r = 0; r < rows; ++r) {
    begin[r] = a.begin[first_row + r] - start;
    end[r] = a.end[first_row + r] - start;
    begin[r] = begin[r] < 0 ? 0 : begin[r];
    end[r] = end[r] > block_positions ? block_positions : end[r];
    if (begin[r] >= end[r]) continue;
    least = begin[r] < least ? begin[r] : least;
    most = end[r] > most ? end[r] : most;
  }
  if (least >= most) return;
  const int64_t from = least / group_positions * group_positions;
  const int64_t to = (most + group_positions - 1) / group_positions * group_positions;
  const float* queries[rows];
  float* mixed[rows];
  for (int r = 0; r < rows; ++r) {
    queries[r] = a.queries + (first_row + r) * a.width;
    mixed[r] = a.mixed + (first_row + r) * a.width;
  }
  const void* block = a.blocks[block_index];
  alignas(64) float scores[rows][block_positions];
  float fade[rows];
  for (int64_t k = from; k < to; k += group_positions)
    score_group<element, rows>(queries, block, a.width, k, scores);
  for (int r = 0; r < rows; ++r) {
    const float* biases = a.biases != nullptr ? a.biases[first_row + r] + start : nullptr;
    fade[r] = share<element>(scores[r], begin[r], end[r], from, to, biases, block, a.width,
                             a.highest + first_row + r, a.total + first_row + r);
  }
  int64_t column = 0;
  for (; column + 2 * lanes <= a.width; column += 2 * lanes)
    mix_columns<element, rows, 2>(scores, fade, block, a.width, column, from, to, mixed);
  for (; column < a.width; column += lanes)
    mix_columns<element, rows, 1>(scores, fade, block, a.width, column, from, to, mixed);
}

// The last rows, at most `rows`.
template <CacheElement element, int rows>
COPPICE_INLINE void attend_rest(const AttendArguments& a, int64_t row, int64_t block) {
  if (a.rows - row == rows) return attend_tile<element, rows>(a, row, block);
  if constexpr (rows > 1) attend_rest<element, rows - 1>(a, row, block);
}

template <CacheElement element>
void attend_of(const AttendArguments& a) {
  int64_t last = 0;
  for (int64_t row = 0; row < a.rows; ++row) {
    a.highest[row] = lowest;
    a.total[row] = 0;
    last = a.end[row] > last ? a.end[row] : last;
  }
  for (int64_t i = 0; i < a.rows * a.width; ++i) a.mixed[i] = 0;
  for (int64_t block = 0; block * block_positions < last; ++block) {
    int64_t row = 0;
    for (; row + most_rows <= a.rows; row += most_rows) attend_tile<element, most_rows>(a, row, block);
    attend_rest<element, most_rows - 1>(a, row, block);
  }
}

inline void attend(const AttendArguments& a) {
  switch (a.element) {
    case CacheElement::f32:
      return attend_of<CacheElement::f32>(a);
    case CacheElement::bf16:
      return attend_of<CacheElement::bf16>(a);
    case CacheElement::f16:
      return attend_of<CacheElement::f16>(a);
    case CacheElement::q8:
      return attend_of<CacheElement::q8>(a);
  }
}

inline void merge(float highest_score, float total, const float* mixed, int64_t width, float* all_highest,
                  float* all_total, float* all_mixed) {
  if (total == 0) return;
  const float now = highest_score > *all_highest ? highest_score : *all_highest;
  const float new_weight = first_lane(exponential(set(highest_score - now)));
  const float old_weight = *all_total == 0 ? 0 : first_lane(exponential(set(*all_highest - now)));
  for (int64_t i = 0; i < width; i += lanes)
    store(all_mixed + i, fma(set(new_weight), load(mixed + i), mul(set(old_weight), load(all_mixed + i))));
  *all_total = *all_total * old_weight + total * new_weight;
  *all_highest = now;
}

inline void finish(float total, const float* mixed, int64_t dim, float* y) {
  const F scale = set(1 / total);
  int64_t i = 0;
  for (; i + lanes <= dim; i += lanes) store(y + i, mul(load(mixed + i), scale));
  if (const int64_t rest = dim - i; rest > 0) store_part(y + i, mul(load_part(mixed + i, rest), scale), rest);
}

const AttentionKernels& attention_table() {
  static constexpr AttentionKernels kernels = {
      .name = COPPICE_NAME(COPPICE_ISA_NAMESPACE),
      .store = store_position,
      .pack_query = pack_query,
      .attend = attend,
      .merge = merge,
      .finish = finish,
  };
  return kernels;
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
