#pragma once
// Cosines and sines of rotary position embedding, computed in double once per position.

#include <cstdint>
#include <memory>
#include <vector>

#include "model/spec.h"

namespace coppice {

class RopeTable {
 public:
  RopeTable(const RopeSpec& rope, int64_t head_dim)
      : rope_(rope), head_dim_(head_dim), frequencies_(rope_frequencies(rope, head_dim)) {}

  bool is_for(const RopeSpec& rope, int64_t head_dim) const {
    return rope == rope_ && head_dim == head_dim_;
  }

  // Fills the table for positions below `count`.
  void extend(int64_t count);
  // Pairs that turn: element i of a head with i + half().
  int64_t half() const { return static_cast<int64_t>(frequencies_.size()); }
  const float* cosine(int64_t position) const { return cosine_.data() + position * half(); }
  const float* sine(int64_t position) const { return sine_.data() + position * half(); }

 private:
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
