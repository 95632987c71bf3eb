#pragma once
// Learned biases of scores by the distance between key and query (Raffel et al. 2020), laid out so that the
// biases of one query lie side by side.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/weights.h"

namespace coppice {

class RelativeBias {
 public:
  // `table` has a row per bucket, of one bias per head.
  RelativeBias(const RelativeBiasSpec& spec, bool causal, int64_t heads, std::vector<float> table);

  // Makes ready for sequences of `length` positions.
  void extend(int64_t length);
  // The biases of keys at position `key` and on, for a query at `query`.
  const float* biases(int64_t head, int64_t query, int64_t key) const {
    return by_offset_.data() + head * (2 * length_ - 1) + (key - query + length_ - 1);
  }

 private:
  RelativeBiasSpec spec_;
  bool causal_;
  int64_t heads_, length_ = 0;
  std::vector<float> table_, by_offset_;  // by_offset_: per head, offsets from 1 - length to length - 1
};

// The tables of one stack of blocks, whose first one may be that of all.
class RelativeBiases {
 public:
  // That of block `index`, whose attention has the prefix; nullptr if the block has no such bias.
  std::shared_ptr<RelativeBias> get(const BlockSpec& block, size_t index, WeightStore& weights,
                                    const std::string& prefix);

 private:
  std::shared_ptr<RelativeBias> shared_;
};

}  // namespace coppice
