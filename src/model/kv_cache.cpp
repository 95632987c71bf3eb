#include "model/kv_cache.h"

#include <algorithm>

namespace coppice {

KvCache::Layer KvCache::layer_of(const AttentionSpec& attention) {
  return {.heads = attention.kv_heads,
          .keys = {.width = attention.head_dim},
          .values = {.width = attention.head_dim}};
}

KvCache::Layer KvCache::layer_of(const LatentAttentionSpec& attention) {
  return {.heads = 1, .keys = {.width = attention.latent_rank + attention.rotary_dim}};
}

KvCache::KvCache(const ModelSpec& spec) : context_(spec.context) {
  for (const auto& block : spec.blocks)
    layers_.push_back(std::visit([](const auto& mixer) { return layer_of(mixer); }, block.mixer));
}

void KvCache::reserve(int64_t length) {
  if (length <= capacity_) return;
  constexpr int64_t smallest = 32;
  const int64_t capacity = std::max(length, std::min(context_, std::max(smallest, 2 * capacity_)));
  for (auto& layer : layers_) {
    for (auto* positions : {&layer.keys, &layer.values}) {
      const int64_t width = positions->width;
      std::vector<float> grown(static_cast<size_t>(layer.heads * capacity * width));
      for (int64_t head = 0; head < layer.heads; ++head)
        std::copy_n(positions->floats.data() + head * capacity_ * width, length_ * width,
                    grown.data() + head * capacity * width);
      positions->floats = std::move(grown);
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
  for (const auto& layer : layers_)
    bytes += 4 * layer.heads * capacity_ * (layer.keys.width + layer.values.width);
  return bytes;
}

}  // namespace coppice
