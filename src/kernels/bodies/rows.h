#pragma once
// Work on single rows: norm, rotation, sums, widening.

#include "kernels/bodies/vectors.h"
#include "kernels/kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

inline void rms_norm(const float* x, const float* weight, int64_t count, float epsilon, float* y) {
  F sums = zero();
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) sums = fma(load(x + i), load(x + i), sums);
  if (const int64_t rest = count - i; rest > 0) {
    const F last = load_part(x + i, rest);
    sums = fma(last, last, sums);
  }
  const float mean = sum(sums) / static_cast<float>(count);
  const F scale = set(1.0f / __builtin_sqrtf(mean + epsilon));
  for (i = 0; i + lanes <= count; i += lanes) store(y + i, mul(mul(load(x + i), scale), load(weight + i)));
  if (const int64_t rest = count - i; rest > 0)
    store_part(y + i, mul(mul(load_part(x + i, rest), scale), load_part(weight + i, rest)), rest);
}

// Two passes, so that the variance of values far from 0 keeps its digits.
inline void layer_norm(const float* x, const float* weight, const float* bias, int64_t count, float epsilon,
                       float* y) {
  const int64_t whole = count - count % lanes, rest = count - whole;
  F sums = zero();
  for (int64_t i = 0; i < whole; i += lanes) sums = add(sums, load(x + i));
  if (rest > 0) sums = add(sums, load_part(x + whole, rest));
  const float mean = sum(sums) / static_cast<float>(count);
  const F centre = set(mean);
  F squares = zero();
  for (int64_t i = 0; i < whole; i += lanes) {
    const F distance = sub(load(x + i), centre);
    squares = fma(distance, distance, squares);
  }
  float square = sum(squares);
  for (int64_t i = whole; i < count; ++i) square += (x[i] - mean) * (x[i] - mean);
  const F scale = set(1.0f / __builtin_sqrtf(square / static_cast<float>(count) + epsilon));
  for (int64_t i = 0; i < whole; i += lanes)
    store(y + i, fma(mul(sub(load(x + i), centre), scale), load(weight + i), load(bias + i)));
  if (rest > 0) {
    const F last = mul(sub(load_part(x + whole, rest), centre), scale);
    store_part(y + whole, fma(last, load_part(weight + whole, rest), load_part(bias + whole, rest)), rest);
  }
}

inline void rope(float* x, const float* cosine, const float* sine, int64_t half) {
  int64_t i = 0;
  for (; i + lanes <= half; i += lanes) {
    const F a = load(x + i), b = load(x + half + i), c = load(cosine + i), s = load(sine + i);
    store(x + i, sub(mul(a, c), mul(b, s)));
    store(x + half + i, add(mul(b, c), mul(a, s)));
  }
  for (; i < half; ++i) {
    const float a = x[i], b = x[half + i];
    x[i] = a * cosine[i] - b * sine[i];
    x[half + i] = b * cosine[i] + a * sine[i];
  }
}

inline void add_scaled(float* y, const float* x, float scale, int64_t count) {
  const F s = set(scale);
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(y + i, fma(s, load(x + i), load(y + i)));
  if (const int64_t rest = count - i; rest > 0)
    store_part(y + i, fma(s, load_part(x + i, rest), load_part(y + i, rest)), rest);
}

inline void widen_row(const uint16_t* bf16, float* y, int64_t count) {
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store(y + i, load(bf16 + i));
  if (const int64_t rest = count - i; rest > 0) store_part(y + i, load_part(bf16 + i, rest), rest);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
