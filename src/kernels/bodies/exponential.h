#pragma once
// exp and the nonlinearities made of it.

#include "kernels/bodies/vectors.h"
#include "kernels/kernels.h"

namespace coppice::kernels::COPPICE_ISA_NAMESPACE {

// x = n ln 2 + r with a whole n and |r| <= ln 2 / 2; and (exp(r) - 1) / r by the Taylor series of exp to r^7, whose
// remainder is below 6e-9 of exp(r).
struct Reduced {
  F n, r, quotient;
};
COPPICE_INLINE Reduced reduce(F x) {
  const F shift = set(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
  const F n = sub(fma(x, set(1.44269504f), shift), shift);
  // ln 2 in two parts, the first so short that its product with n is exact even without a fused multiply-add.
  const F r = fma(n, set(2.12194440e-4f), fma(n, set(-0.693359375f), x));
  F p = set(1.0f / 5040);
  p = fma(p, r, set(1.0f / 720));
  p = fma(p, r, set(1.0f / 120));
  p = fma(p, r, set(1.0f / 24));
  p = fma(p, r, set(1.0f / 6));
  p = fma(p, r, set(0.5f));
  p = fma(p, r, set(1.0f));
  return {n, r, p};
}

// exp(x) = 2^n exp(r). Below -104 it is 0, above 89 infinity, and NaN stays NaN.
COPPICE_INLINE F exponential(F x) {
  const Reduced reduced = reduce(maximum(set(-104.0f), minimum(set(89.0f), x)));
  const F p = fma(reduced.quotient, reduced.r, set(1.0f));
  // 2^n in two steps, so that neither leaves the range of a float before the result does.
  const F shift = set(12582912.0f);
  const F half = sub(fma(reduced.n, set(0.5f), shift), shift);
  return mul(mul(p, pow2(half)), pow2(sub(reduced.n, half)));
}

COPPICE_INLINE F sigmoid(F x) {
  return div(set(1), add(set(1), exponential(sub(zero(), x))));
}

// x * Phi(x). The tail 1 - erf(|x| / sqrt 2) is Abramowitz and Stegun 7.1.26, so that large negative x lose
// nothing.
COPPICE_INLINE F gelu(F x) {
  const F z = mul(absolute(x), set(0.70710678f));
  const F t = div(set(1), fma(set(0.3275911f), z, set(1)));
  F p = set(1.061405429f);
  p = fma(p, t, set(-1.453152027f));
  p = fma(p, t, set(1.421413741f));
  p = fma(p, t, set(-0.284496736f));
  p = fma(p, t, set(0.254829592f));
  const F tail = mul(mul(mul(p, t), exponential(sub(zero(), mul(z, z)))), set(0.5f));  // Phi(-|x|)
  const F positive = maximum(zero(), x);
  return sub(positive, mul(absolute(x), tail));
}

// x * sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3)), which is the usual form with tanh without its cancellation.
COPPICE_INLINE F gelu_tanh(F x) {
  const F inner = mul(x, fma(mul(x, x), set(0.044715f), set(1)));
  return mul(x, sigmoid(mul(inner, set(1.59576912f))));
}

struct Silu {
  COPPICE_INLINE F of(F x) { return div(x, add(set(1), exponential(sub(zero(), x)))); }
};
struct Gelu {
  COPPICE_INLINE F of(F x) { return gelu(x); }
};
struct GeluTanh {
  COPPICE_INLINE F of(F x) { return gelu_tanh(x); }
};
struct Relu {
  COPPICE_INLINE F of(F x) { return maximum(zero(), x); }
};
// (e - 1) / (e + 1) with e = exp(2x) and e - 1 = 2^n (exp(r) - 1) + (2^n - 1), so that nothing cancels near 0. At 20 it is 1
// to the last bit.
struct Tanh {
  COPPICE_INLINE F of(F x) {
    const Reduced reduced = reduce(mul(set(2), maximum(set(-20.0f), minimum(set(20.0f), x))));
    const F power = pow2(reduced.n);
    const F difference = fma(power, mul(reduced.quotient, reduced.r), sub(power, set(1)));
    return div(difference, add(difference, set(2)));
  }
};

template <class Function>
COPPICE_INLINE void activate_by(float* x, const float* up, int64_t count) {
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const F y = Function::of(load(x + i));
    store(x + i, up ? mul(y, load(up + i)) : y);
  }
  if (const int64_t rest = count - i; rest > 0) {
    const F y = Function::of(load_part(x + i, rest));
    store_part(x + i, up ? mul(y, load_part(up + i, rest)) : y, rest);
  }
}

inline void activate(Unit unit, float* x, const float* up, int64_t count) {
  switch (unit) {
    case Unit::silu:
      return activate_by<Silu>(x, up, count);
    case Unit::gelu:
      return activate_by<Gelu>(x, up, count);
    case Unit::gelu_tanh:
      return activate_by<GeluTanh>(x, up, count);
    case Unit::relu:
      return activate_by<Relu>(x, up, count);
    case Unit::tanh:
      return activate_by<Tanh>(x, up, count);
  }
}

COPPICE_INLINE float highest_of(const float* x, int64_t count) {
  float best = x[0];
  int64_t i = 0;
  if (count >= lanes) {
    F high = load(x);
    for (i = lanes; i + lanes <= count; i += lanes) high = maximum(load(x + i), high);
    best = highest(high);
  }
  for (; i < count; ++i) best = x[i] > best ? x[i] : best;
  return best;
}

inline void softmax(float* x, int64_t count) {
  const F high = set(highest_of(x, count));
  F sums = zero();
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const F e = exponential(sub(load(x + i), high));
    store(x + i, e);
    sums = add(sums, e);
  }
  float total = sum(sums);
  if (const int64_t rest = count - i; rest > 0) {
    store_part(x + i, exponential(sub(load_part(x + i, rest), high)), rest);
    for (; i < count; ++i) total += x[i];
  }
  const F scale = set(1.0f / total);
  for (i = 0; i + lanes <= count; i += lanes) store(x + i, mul(load(x + i), scale));
  if (const int64_t rest = count - i; rest > 0) store_part(x + i, mul(load_part(x + i, rest), scale), rest);
}

inline float log_sum_exp(const float* x, int64_t count) {
  const float best = highest_of(x, count);
  const F high = set(best);
  F sums = zero();
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) sums = add(sums, exponential(sub(load(x + i), high)));
  float total = sum(sums);
  if (const int64_t rest = count - i; rest > 0) {
    float last[lanes];
    store(last, exponential(sub(load_part(x + i, rest), high)));
    for (int64_t j = 0; j < rest; ++j) total += last[j];
  }
  return best + __builtin_logf(total);
}

}  // namespace coppice::kernels::COPPICE_ISA_NAMESPACE
