#pragma once
// Keys and values of one sequence: per layer and key-value head one run of positions in f32, so that
// attention reads each head's keys as one stream. Latent attention has one head, whose keys are what all
// heads share and which has no values.

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

  // Positions of one head, as many floats each as its keys or values are wide.
  float* keys(int64_t layer, int64_t head) { return run(layers_[static_cast<size_t>(layer)].keys, head); }
  float* values(int64_t layer, int64_t head) { return run(layers_[static_cast<size_t>(layer)].values, head); }

  int64_t bytes() const;

 private:
  // What all heads of a layer keep for each position, head after head.
  struct Positions {
    int64_t width = 0;  // floats of one head's position
    std::vector<float> floats;
  };
  struct Layer {
    int64_t heads = 0;
    Positions keys, values;
  };
  static Layer layer_of(const AttentionSpec& attention);
  static Layer layer_of(const LatentAttentionSpec& attention);
  float* run(Positions& positions, int64_t head) {
    return positions.floats.data() + head * capacity_ * positions.width;
  }

  int64_t length_ = 0, capacity_ = 0, context_ = 0;
  std::vector<Layer> layers_;
};

}  // namespace coppice
