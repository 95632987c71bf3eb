#pragma once
// The numeric kernels: one table of functions over raw pointers, with one implementation per instruction set.
//
// Every file named isa_*.cpp compiles the same bodies (bodies/) for one instruction set. Those files are
// built with other flags than the rest, so this header, which they include, has no inline functions and no
// std:: templates.
//
// Results are deterministic in a strong sense: an output element is computed by the same operations in the
// same order however many tokens, rows and threads take part in the call. Instruction sets differ from each
// other by rounding.

#include <cstdint>

namespace coppice::kernels {

enum class Element { f32, bf16 };
enum class Unit { silu, gelu, gelu_tanh, relu, tanh };

// y[t, r] = sum over k of x[t, k] * w[r, k]: products with a weight matrix as it is stored, (out, in).
struct ProductArguments {
  const float* x;
  int64_t x_stride;       // floats from one token to the next
  const int32_t* x_rows;  // which token is the t-th, or nullptr: the t-th
  int64_t tokens;
  const void* w;  // rows of `in` elements without gaps, aligned to an element
  Element element;
  const int32_t* w_rows;  // which row is the r-th, or nullptr: the r-th
  int64_t rows, in;
  float* y;
  int64_t y_stride;
};

// y[t, c] = sum over n, ascending, of h[t, n] * w[n, c]: products with a transposed matrix, whose rows are
// neurons.
struct CombineArguments {
  const float* h;
  int64_t h_stride, tokens;
  const void* w;  // first wanted column of row 0
  Element element;
  int64_t w_stride;       // elements from one row to the next
  const int32_t* w_rows;  // which row is the n-th, or nullptr: the n-th
  int64_t neurons, columns;
  float* y;
  int64_t y_stride;
};

struct Kernels {
  const char* name;
  int lanes;  // floats per vector

  void (*product)(const ProductArguments&);
  void (*combine)(const CombineArguments&);

  // y = x / sqrt(mean(x^2) + epsilon) * weight; y may be x. Zhang and Sennrich 2019.
  void (*rms_norm)(const float* x, const float* weight, int64_t count, float epsilon, float* y);
  // y = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias; y may be x. Ba et al. 2016.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, int64_t count, float epsilon,
                     float* y);
  // Rotates the pairs (x[i], x[i + half]) by the angles whose cosines and sines are given.
  void (*rope)(float* x, const float* cosine, const float* sine, int64_t half);
  // x = exp(x - max) / sum, in place; count >= 1. Relative error below (count + 8 + |x - max|) * 2^-23.
  void (*softmax)(float* x, int64_t count);
  // x = unit(x), times `up` unless it is nullptr. Relative error below 1e-6, and what is below 3e-37 may become 0; for
  // gelu the error of the underlying erf is below 3e-7 absolute.
  void (*activate)(Unit unit, float* x, const float* up, int64_t count);
  // y += scale * x.
  void (*add)(float* y, const float* x, float scale, int64_t count);
  // y = x, widened to float.
  void (*widen)(const uint16_t* bf16, float* y, int64_t count);
  // log of the sum of exp(x); count >= 1.
  float (*log_sum_exp)(const float* x, int64_t count);

  // For measuring the machine: the sum of `count` floats read as one stream, and a chain of multiply-adds
  // that does `rounds` times `fma_probe_flops` floating-point operations.
  float (*read_probe)(const float* x, int64_t count);
  float (*fma_probe)(int64_t rounds, float seed);
  int64_t fma_probe_flops;
};

}  // namespace coppice::kernels
