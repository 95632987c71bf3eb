#pragma once
// Keys and values of one sequence: per layer and key-value head one run of positions in f32, so that
// attention reads each head's keys as one stream.

#include <cstdint>
#include <vector>

#include "model/spec.h"

namespace coppice {

class KvCache {
 public:
  explicit KvCache(const ModelSpec& spec);

  // Positions that are filled in every layer.
  int64_t length() const { return length_; }
  int64_t context() const { return context_; }
  int64_t layers() const { return static_cast<int64_t>(layers_.size()); }

  // Makes room for `length` positions, keeping what is there.
  void reserve(int64_t length);
  // The positions below `length` are valid from now on; shorter forgets the later ones.
  void set_length(int64_t length);

  // Positions of one head, `head_dim` floats each.
  float* keys(int64_t layer, int64_t head) {
    return run(layer, layers_[static_cast<size_t>(layer)].keys, head);
  }
  float* values(int64_t layer, int64_t head) {
    return run(layer, layers_[static_cast<size_t>(layer)].values, head);
  }

  int64_t bytes() const;

 private:
  struct Layer {
    int64_t heads = 0, head_dim = 0;
    std::vector<float> keys, values;
  };
  float* run(int64_t layer, std::vector<float>& positions, int64_t head) {
    return positions.data() + head * capacity_ * layers_[static_cast<size_t>(layer)].head_dim;
  }

  int64_t length_ = 0, capacity_ = 0, context_ = 0;
  std::vector<Layer> layers_;
};

}  // namespace coppice
