#pragma once
// What the layers of a model keep of one sequence, so that its next tokens cost only themselves. Each kind of
// mixer has its own state; a cache has one per layer.

#include <cstdint>
#include <variant>
#include <vector>

#include "model/spec.h"

namespace coppice {

// Keys and values of attention: per key-value head one run of consecutive positions in f32, so that attention
// reads each head's keys as one stream. With a window, positions that no later token sees are dropped.
class KeyValueState {
 public:
  // `context`: positions of the longest sequence.
  KeyValueState(const AttentionSpec& spec, int64_t context);

  // Makes room for the positions `length` to `length + count`, keeping those before that they see.
  void reserve(int64_t length, int64_t count);
  void advance() {}
  int64_t bytes() const { return static_cast<int64_t>((keys_.size() + values_.size()) * sizeof(float)); }

  // The key and value of one head from a kept position on, `head_dim` floats each.
  float* keys(int64_t head, int64_t position) { return keys_.data() + at(head, position); }
  float* values(int64_t head, int64_t position) { return values_.data() + at(head, position); }

 private:
  int64_t at(int64_t head, int64_t position) const {
    return (head * capacity_ + position - first_) * head_dim_;
  }
  void move(int64_t first, int64_t length, int64_t capacity);

  int64_t heads_, head_dim_, window_, most_;
  int64_t first_ = 0, capacity_ = 0;  // the first position that is kept, and how many have room
  std::vector<float> keys_, values_;
};

// The inputs of a short convolution at the last kernel_size - 1 positions, `width` floats each, oldest first;
// 0 where the sequence had not begun.
class ShortConvState {
 public:
  ShortConvState(const ShortConvSpec& spec, int64_t width);

  void reserve(int64_t, int64_t) {}
  // What was written to `next` becomes `last`.
  void advance() { last_.swap(next_); }
  int64_t bytes() const { return static_cast<int64_t>((last_.size() + next_.size()) * sizeof(float)); }

  const float* last() const { return last_.data(); }
  float* next() { return next_.data(); }

 private:
  std::vector<float> last_, next_;
};

// What latent attention keeps of each position, shared by all heads: the latent vector, then the turned key.
class LatentState {
 public:
  // `context`: positions of the longest sequence.
  LatentState(const LatentAttentionSpec& spec, int64_t context)
      : width_(spec.latent_rank + spec.rotary_dim), context_(context) {}

  // Makes room for the positions `length` to `length + count`.
  void reserve(int64_t length, int64_t count);
  void advance() {}
  int64_t bytes() const { return static_cast<int64_t>(floats_.size() * sizeof(float)); }

  // A position's floats; those of the next positions follow.
  float* at(int64_t position) { return floats_.data() + position * width_; }

 private:
  int64_t width_, context_;
  std::vector<float> floats_;
};

using MixerState = std::variant<KeyValueState, LatentState, ShortConvState>;

class KvCache {
 public:
  explicit KvCache(const ModelSpec& spec);

  // Positions that every layer has seen.
  int64_t length() const { return length_; }
  int64_t context() const { return context_; }
  int64_t layers() const { return static_cast<int64_t>(layers_.size()); }

  // Makes room for `count` more positions, which layers then write; they count once `advance` is called, so
  // that a pass that fails leaves the cache as it was.
  void reserve(int64_t count);
  void advance(int64_t count);

  // The state of a layer, of the kind that its mixer has.
  template <class State>
  State& state(int64_t layer) {
    return std::get<State>(layers_[static_cast<size_t>(layer)]);
  }

  int64_t bytes() const;

 private:
  int64_t length_ = 0, context_ = 0;
  std::vector<MixerState> layers_;
};

}  // namespace coppice
