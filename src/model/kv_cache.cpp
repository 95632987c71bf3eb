#include "model/kv_cache.h"

#include <algorithm>

namespace coppice {

KvCache::KvCache(const ModelSpec& spec) : context_(spec.context) {
  for (const auto& block : spec.blocks) {
    const auto& attention = std::get<AttentionSpec>(block.mixer);
    layers_.push_back({.heads = attention.kv_heads, .head_dim = attention.head_dim});
  }
}

void KvCache::reserve(int64_t length) {
  if (length <= capacity_) return;
  constexpr int64_t smallest = 32;
  const int64_t capacity = std::max(length, std::min(context_, std::max(smallest, 2 * capacity_)));
  for (auto& layer : layers_) {
    for (auto* positions : {&layer.keys, &layer.values}) {
      std::vector<float> grown(static_cast<size_t>(layer.heads * capacity * layer.head_dim));
      for (int64_t head = 0; head < layer.heads; ++head)
        std::copy_n(positions->data() + head * capacity_ * layer.head_dim, length_ * layer.head_dim,
                    grown.data() + head * capacity * layer.head_dim);
      *positions = std::move(grown);
    }
  }
  capacity_ = capacity;
}

void KvCache::set_length(int64_t length) {
  COPPICE_CHECK(length >= 0 && length <= capacity_);
  length_ = length;
}

int64_t KvCache::bytes() const {
  int64_t bytes = 0;
  for (const auto& layer : layers_) bytes += 2 * 4 * layer.heads * capacity_ * layer.head_dim;
  return bytes;
}

}  // namespace coppice
