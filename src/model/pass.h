#pragma once
// What the parts of one forward pass share.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/kernels.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "model/trace.h"

namespace coppice {

class EncodedSource;

// Rows [begin, begin + count) of the flattened batch are consecutive new tokens of one sequence.
struct Slice {
  int64_t begin = 0, count = 0;
  KvCache* cache = nullptr;
  const EncodedSource* source = nullptr;  // what cross-attention reads

  int64_t past() const { return cache->length(); }
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

  // Reports an activation of the current layer.
  void report(const char* name, int64_t columns, const float* values) const {
    if (trace) trace(stack + "layers." + std::to_string(layer) + "." + name, rows, columns, values);
  }
};

// Calls `work` for every row, in parallel: for work of a few operations per float of a row.
void for_each_row(const Pass& pass, const std::function<void(int64_t row)>& work);
// y += residual_scale * x over all rows.
void add_rows(const Pass& pass, float* y, const float* x);

}  // namespace coppice
