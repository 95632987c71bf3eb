#include "model/kv_cache.h"

#include <algorithm>

namespace coppice {

KeyValueState::KeyValueState(const AttentionSpec& spec, int64_t context)
    : heads_(spec.kv_heads),
      head_dim_(spec.head_dim),
      window_(spec.window),
      // Twice the window, so that positions are moved only once per window.
      most_(spec.window > 0 ? std::min(context, 2 * spec.window) : context) {}

void KeyValueState::reserve(int64_t length, int64_t count) {
  if (length + count - first_ <= capacity_) return;
  const int64_t first = window_ > 0 ? std::max(first_, length - window_ + 1) : 0;
  const int64_t needed = length + count - first;
  constexpr int64_t smallest = 32;
  // A run that a long prompt made larger than usual shrinks again.
  const bool fits = needed <= capacity_ && capacity_ <= std::max(needed, most_);
  const int64_t doubled = std::min(most_, std::max(smallest, 2 * capacity_));
  move(first, length, fits ? capacity_ : std::max(needed, doubled));
}

// Keeps the positions `first` to `length`, at the beginning of runs of `capacity`.
void KeyValueState::move(int64_t first, int64_t length, int64_t capacity) {
  const int64_t kept = (length - first) * head_dim_;
  for (auto* run : {&keys_, &values_}) {
    std::vector<float> grown;
    const bool in_place = capacity == capacity_;
    if (!in_place) grown.resize(static_cast<size_t>(heads_ * capacity * head_dim_));
    for (int64_t head = 0; head < heads_ && kept > 0; ++head) {
      const float* from = run->data() + at(head, first);
      std::copy_n(from, kept, (in_place ? run->data() : grown.data()) + head * capacity * head_dim_);
    }
    if (!in_place) *run = std::move(grown);
  }
  first_ = first;
  capacity_ = capacity;
}

void LatentState::reserve(int64_t length, int64_t count) {
  const int64_t needed = length + count, capacity = static_cast<int64_t>(floats_.size()) / width_;
  if (needed <= capacity) return;
  constexpr int64_t smallest = 32;
  const int64_t doubled = std::min(context_, std::max(smallest, 2 * capacity));
  floats_.resize(static_cast<size_t>(std::max(needed, doubled) * width_));
}

ShortConvState::ShortConvState(const ShortConvSpec& spec, int64_t width)
    : last_(static_cast<size_t>((spec.kernel_size - 1) * width)), next_(last_.size()) {}

namespace {

struct StateMaker {
  const ModelSpec& model;
  MixerState operator()(const AttentionSpec& spec) const { return KeyValueState(spec, model.context); }
  MixerState operator()(const LatentAttentionSpec& spec) const { return LatentState(spec, model.context); }
  MixerState operator()(const ShortConvSpec& spec) const { return ShortConvState(spec, model.width); }
};

}  // namespace

KvCache::KvCache(const ModelSpec& spec) : context_(spec.context) {
  for (const auto& block : spec.blocks) layers_.push_back(std::visit(StateMaker{spec}, block.mixer));
}

void KvCache::reserve(int64_t count) {
  for (auto& layer : layers_) std::visit([&](auto& state) { state.reserve(length_, count); }, layer);
}

void KvCache::advance(int64_t count) {
  for (auto& layer : layers_) std::visit([](auto& state) { state.advance(); }, layer);
  length_ += count;
}

int64_t KvCache::bytes() const {
  int64_t bytes = 0;
  for (const auto& layer : layers_)
    bytes += std::visit([](const auto& state) { return state.bytes(); }, layer);
  return bytes;
}

}  // namespace coppice
