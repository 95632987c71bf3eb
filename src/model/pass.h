#pragma once
// What the parts of one forward pass share.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "model/trace.h"

namespace coppice {

class EncodedSource;

// Rows [begin, begin + count) of the flattened batch are consecutive new tokens of one sequence. A mixer takes all of them
// into the sequence's state, and answers the last `wanted` of them, which are rows [first_wanted, first_wanted + wanted) of
// its output: behind the last mixer only those go on whose logits are asked for.
struct Slice {
  int64_t begin = 0, count = 0;
  KvCache* cache = nullptr;
  const EncodedSource* source = nullptr;  // what cross-attention reads
  int64_t first_wanted = begin, wanted = count;

  int64_t past() const { return cache->length(); }
  int64_t unwanted() const { return count - wanted; }
  // Whether new token `t` is wanted, and its row then.
  bool wants(int64_t t) const { return t >= unwanted(); }
  int64_t wanted_row(int64_t t) const { return first_wanted + t - unwanted(); }
};

struct Pass {
  const kernels::Kernels& kernels;
  const TraceSink& trace;
  std::vector<Slice> slices;
  int64_t rows = 0;   // tokens of all slices
  int64_t width = 0;  // of the residual stream
  int64_t layer = 0;
  float residual_scale = 1;         // multiplies what is added to the residual stream
  std::string stack = {};           // what the names of its activations begin with
  Silence* silence = nullptr;       // counts what a single token skips
  std::vector<int32_t> words = {};  // the routing id of each row, if the model has a routing vocabulary

  // Sets how many rows of each slice are wanted.
  void want(std::span<const int64_t> rows_of_slices);
  int64_t wanted_rows() const {
    return slices.empty() ? rows : slices.back().first_wanted + slices.back().wanted;
  }
  // From here on the wanted rows are all that there are.
  void keep_wanted();

  // Reports an activation of the current layer.
  void report(const char* name, int64_t columns, const float* values) const {
    if (trace) trace(stack + "layers." + std::to_string(layer) + "." + name, rows, columns, values);
  }
};

// Copies the wanted ones of all rows, of so many values each; `to` may be `from`.
template <class T>
void copy_wanted(const Pass& pass, const T* from, int64_t columns, T* to) {
  for (const Slice& slice : pass.slices)
    std::copy_n(from + (slice.begin + slice.unwanted()) * columns, slice.wanted * columns,
                to + slice.first_wanted * columns);
}

// The wanted rows of `x`: itself if all are, else copied to `room`.
const float* wanted_of(const Pass& pass, const float* x, int64_t columns, std::vector<float>& room);

// Calls `work` for every row, in parallel: for work of a few operations per float of a row.
void for_each_row(int64_t rows, int64_t width, const std::function<void(int64_t row)>& work);
void for_each_row(const Pass& pass, const std::function<void(int64_t row)>& work);
// y += residual_scale * x over all rows.
void add_rows(const Pass& pass, float* y, const float* x);

}  // namespace coppice
