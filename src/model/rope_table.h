#pragma once
// Cosines and sines of rotary position embedding, computed in double once per position.

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kernels.h"
#include "model/spec.h"

namespace coppice {

class RopeTable {
 public:
  RopeTable(const RopeSpec& rope, int64_t head_dim)
      : rope_(rope), head_dim_(head_dim), frequencies_(rope_frequencies(rope, head_dim)) {}

  bool is_for(const RopeSpec& rope, int64_t head_dim) const { return rope == rope_ && head_dim == head_dim_; }

  // Fills the table for positions below `count`.
  void extend(int64_t count);
  // Turns a head's queries or keys. Interleaved pairs leave it half-split, queries and keys alike, which changes no
  // product of the two.
  void turn(const kernels::Kernels& kernels, float* x, int64_t position) const;

 private:
  int64_t half() const { return static_cast<int64_t>(frequencies_.size()); }

  RopeSpec rope_;
  int64_t head_dim_;
  std::vector<double> frequencies_;
  std::vector<float> cosine_, sine_;
  int64_t filled_ = 0;
};

// The tables of one model: layers that rotate alike share one.
class RopeTables {
 public:
  std::shared_ptr<RopeTable> get(const RopeSpec& rope, int64_t head_dim);

 private:
  std::vector<std::shared_ptr<RopeTable>> tables_;
};

}  // namespace coppice
