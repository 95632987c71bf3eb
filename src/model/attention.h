#pragma once
// Causal softmax attention with grouped query heads (Vaswani et al. 2017; Ainslie et al. 2023) and rotary
// positions, over each sequence's own KV cache.

#include <string>
#include <vector>

#include "model/linear.h"
#include "model/pass.h"
#include "model/rope_table.h"

namespace coppice {

class Attention {
 public:
  Attention(const AttentionSpec& spec, WeightStore& weights, const std::string& prefix, RopeTables& ropes);

  // y[row] = attention(x)[row]; new keys and values go into each slice's cache, whose length stays for the
  // caller to set. x and y have `pass.width` floats per row.
  void forward(const Pass& pass, const float* x, float* y);
  int64_t bytes() const { return query_.bytes() + key_.bytes() + value_.bytes() + output_.bytes(); }

 private:
  struct Task;
  void store_new(const Pass& pass, const Slice& slice, int64_t row);
  void attend(const Pass& pass, const Task& task);

  AttentionSpec spec_;
  Matrix query_, key_, value_, output_;
  std::vector<float> query_bias_, key_bias_, value_bias_, output_bias_;
  std::shared_ptr<RopeTable> rope_;
  std::vector<float> queries_, keys_, values_, mixed_;
};

}  // namespace coppice
