#pragma once
// What the layers of a model keep of one sequence, so that its next tokens cost only themselves. Each kind of
// mixer has its own state; a cache has one per layer, unless it is for one pass only. Memory comes in pages from a pool that sequences share; copies of a
// cache share its pages until one of them writes.

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/attention_kernels.h"
#include "kernels/kernels.h"
#include "model/page_pool.h"
#include "model/spec.h"

namespace coppice {

// The type that keys and values are kept in: exactly, rounded to 16 bits, or to bytes with a scale for each head and
// position.
enum class KvType { f32, bf16, f16, q8 };

template <>
struct EnumNames<KvType> {
  static constexpr auto values = std::to_array<std::pair<KvType, const char*>>(
      {{KvType::f32, "f32"}, {KvType::bf16, "bf16"}, {KvType::f16, "f16"}, {KvType::q8, "q8"}});
};

struct KvOptions {
  KvType type = KvType::f32;
  int64_t rollback = 0;  // `truncate` may take back so many positions read since the last one
  std::shared_ptr<PagePool> pool = nullptr;  // nullptr: one of its own, without a limit
  bool one_pass =
      false;  // for a whole sequence that nothing continues: layers with equal mixers share one state
};

// Keys and values of attention in blocks of consecutive positions (kernels/attention_kernels.h); a page holds the blocks
// of all key-value heads side by side. With a window, pages that no later token sees are dropped.
class KeyValueState {
 public:
  KeyValueState(const AttentionSpec& spec, const KvOptions& options);

  // Makes room for the positions `length` to `length + count`, keeping those before that they see.
  void reserve(int64_t length, int64_t count);
  void advance(int64_t) {}
  void truncate(int64_t length, int64_t to);
  // The shortest length that `truncate` can go back to.
  int64_t least_length(int64_t) const {
    return first_ == 0 ? 0 : first_ * kernels::block_positions + window_ - 1;
  }
  int64_t bytes() const { return static_cast<int64_t>(pages_.size()) * page_bytes(); }
  // What `reserve` would take from the pool.
  int64_t bytes_to_grow(int64_t length, int64_t count) const;
  int64_t most_bytes(int64_t length, int64_t chunk) const;

  kernels::CacheElement element() const { return element_; }
  int64_t width() const { return width_; }  // of a head in its block
  // Writes one head's key and value of a position.
  void store(const kernels::AttentionKernels& kernels, int64_t head, int64_t position, const float* key,
             const float* value) {
    kernels.store(element_, key, value, head_dim_, width_, position % kernels::block_positions,
                  block(head, position / kernels::block_positions));
  }
  // The block of a head that holds the positions from `index` blocks on.
  std::byte* block(int64_t head, int64_t index) const {
    return pages_[static_cast<size_t>(index - first_)].get() + head * block_bytes_;
  }

 private:
  int64_t page_bytes() const { return heads_ * block_bytes_; }
  int64_t pages_for(int64_t length) const {
    return (length + kernels::block_positions - 1) / kernels::block_positions;
  }

  kernels::CacheElement element_;
  int64_t heads_, head_dim_, width_, block_bytes_, window_, rollback_;
  std::shared_ptr<PagePool> pool_;
  int64_t first_ = 0;  // the number of the first page that is kept
  std::vector<PagePool::Page> pages_;
};

// The inputs of a short convolution at the last kernel_size - 1 positions, and at as many more as may be taken back,
// `width` floats each, oldest first; 0 where the sequence had not begun.
class ShortConvState {
 public:
  ShortConvState(const ShortConvSpec& spec, int64_t width, const KvOptions& options);

  void reserve(int64_t, int64_t) {}
  // What was written to `next` becomes `history`.
  void advance(int64_t count);
  void truncate(int64_t length, int64_t to);
  int64_t least_length(int64_t length) const { return length - back_; }
  int64_t bytes() const { return static_cast<int64_t>((history_.size() + next_.size()) * sizeof(float)); }
  int64_t bytes_to_grow(int64_t, int64_t) const { return 0; }
  int64_t most_bytes(int64_t, int64_t) const { return 0; }

  int64_t kept() const { return inputs_ + rollback_; }  // positions of `history` and of `next`
  const float* history() const { return history_.data(); }
  // The last kernel_size - 1 of them.
  const float* last() const { return history_.data() + rollback_ * width_; }
  float* next() { return next_.data(); }

 private:
  int64_t inputs_, width_, rollback_, back_ = 0;  // back_: how many positions may be taken back now
  std::vector<float> history_, next_;
};

// What latent attention keeps of each position, shared by all heads: the latent vector, then the turned key; in f32 or
// bf16.
class LatentState {
 public:
  // `context`: positions of the longest sequence.
  LatentState(const LatentAttentionSpec& spec, int64_t context, const KvOptions& options);

  // Makes room for the positions `length` to `length + count`.
  void reserve(int64_t length, int64_t count);
  void advance(int64_t) {}
  void truncate(int64_t, int64_t) {}
  int64_t least_length(int64_t) const { return 0; }
  int64_t bytes() const { return capacity_ * row_bytes(); }
  int64_t bytes_to_grow(int64_t length, int64_t count) const;
  int64_t most_bytes(int64_t length, int64_t) const { return 2 * capacity_for(0, length) * row_bytes(); }

  kernels::Element element() const { return element_; }
  // Writes a position, given in floats.
  void store(int64_t position, const float* values);
  // All positions, one after the other.
  const void* rows() const { return rows_.get(); }

 private:
  int64_t row_bytes() const { return width_ * (element_ == kernels::Element::bf16 ? 2 : 4); }
  int64_t capacity_for(int64_t length, int64_t count) const;

  int64_t width_, context_;
  kernels::Element element_;
  std::shared_ptr<PagePool> pool_;
  int64_t capacity_ = 0;
  PagePool::Page rows_;
};

using MixerState = std::variant<KeyValueState, LatentState, ShortConvState>;

class KvCache {
 public:
  // A type that a mixer of the model does not keep is an Error.
  explicit KvCache(const ModelSpec& spec, const KvOptions& options = {});

  // Positions that every layer has seen.
  int64_t length() const { return length_; }
  int64_t context() const { return context_; }
  int64_t layers() const { return static_cast<int64_t>(state_of_layer_.size()); }

  // Makes room for `count` more positions, which layers then write; they count once `advance` is called with their
  // tokens, so that a pass that fails leaves the cache as it was. A pool that has too little is an Error.
  void reserve(int64_t count);
  void advance(std::span<const int32_t> tokens);
  // Forgets the positions from `length` on; at least `least_length`.
  void truncate(int64_t length);
  int64_t least_length() const;

  // The tokens of the positions, if the model has a routing vocabulary: words reach back.
  std::span<const int32_t> tokens() const { return tokens_; }

  // The state of a layer, of the kind that its mixer has.
  template <class State>
  State& state(int64_t layer) {
    return std::get<State>(states_[state_of_layer_[static_cast<size_t>(layer)]]);
  }

  // Memory that it holds, shared pages included, and what `reserve(count)` would add.
  int64_t bytes() const;
  int64_t bytes_to_grow(int64_t count) const;
  // What a sequence of `length` positions, read in chunks of at most `chunk`, takes from the pool at most.
  int64_t most_bytes(int64_t length, int64_t chunk) const;

 private:
  int64_t length_ = 0, context_ = 0;
  bool keeps_tokens_;
  std::vector<int32_t> tokens_;
  bool one_pass_;
  std::vector<MixerState> states_;
  std::vector<size_t> state_of_layer_;
};

}  // namespace coppice
