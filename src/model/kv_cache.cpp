#include "model/kv_cache.h"

#include <algorithm>
#include <cstring>

#include "format/float16.h"

namespace coppice {
namespace {

using kernels::block_positions;

kernels::CacheElement element_of(KvType type) {
  switch (type) {
    case KvType::f32:
      return kernels::CacheElement::f32;
    case KvType::bf16:
      return kernels::CacheElement::bf16;
    case KvType::f16:
      return kernels::CacheElement::f16;
    case KvType::q8:
      return kernels::CacheElement::q8;
  }
  COPPICE_CHECK(false, "every type has an element");
}

int64_t padded(int64_t head_dim) {
  return (head_dim + kernels::width_multiple - 1) / kernels::width_multiple * kernels::width_multiple;
}

std::shared_ptr<PagePool> pool_of(const KvOptions& options) {
  return options.pool ? options.pool : std::make_shared<PagePool>();
}

}  // namespace

KeyValueState::KeyValueState(const AttentionSpec& spec, const KvOptions& options)
    : element_(element_of(options.type)),
      heads_(spec.kv_heads),
      head_dim_(spec.head_dim),
      width_(padded(spec.head_dim)),
      block_bytes_(kernels::cache_block_bytes(element_, width_)),
      window_(spec.window),
      rollback_(options.rollback),
      pool_(pool_of(options)) {}

void KeyValueState::reserve(int64_t length, int64_t count) {
  if (window_ > 0) {
    const int64_t first = std::max(first_, (length - rollback_ - window_ + 1) / block_positions);
    const int64_t dropped = std::min<int64_t>(first - first_, static_cast<int64_t>(pages_.size()));
    pages_.erase(pages_.begin(), pages_.begin() + dropped);
    first_ = first;
  }
  // A page that another sequence holds too is not to be written.
  if (const int64_t index = length / block_positions - first_;
      count > 0 && index < static_cast<int64_t>(pages_.size()) &&
      pages_[static_cast<size_t>(index)].use_count() > 1) {
    auto& page = pages_[static_cast<size_t>(index)];
    page = pool_->copy(page, page_bytes(), page_bytes());
  }
  while (first_ + static_cast<int64_t>(pages_.size()) < pages_for(length + count))
    pages_.push_back(pool_->take(page_bytes()));
}

int64_t KeyValueState::bytes_to_grow(int64_t length, int64_t count) const {
  const int64_t kept = first_ + static_cast<int64_t>(pages_.size());
  int64_t pages = std::max<int64_t>(0, pages_for(length + count) - kept);
  if (const int64_t index = length / block_positions - first_;
      index < static_cast<int64_t>(pages_.size()) && pages_[static_cast<size_t>(index)].use_count() > 1)
    ++pages;
  return pages * page_bytes();
}

int64_t KeyValueState::most_bytes(int64_t length, int64_t chunk) const {
  int64_t pages = pages_for(length);
  if (window_ > 0) pages = std::min(pages, pages_for(window_ + rollback_ + chunk) + 1);
  return (pages + 1) * page_bytes();  // one more while a shared one is copied
}

void KeyValueState::truncate(int64_t, int64_t to) {
  const int64_t kept = std::max<int64_t>(0, pages_for(to) - first_);
  if (kept < static_cast<int64_t>(pages_.size())) pages_.resize(static_cast<size_t>(kept));
}

LatentState::LatentState(const LatentAttentionSpec& spec, int64_t context, const KvOptions& options)
    : width_(spec.latent_rank + spec.rotary_dim),
      context_(context),
      element_(options.type == KvType::bf16 ? kernels::Element::bf16 : kernels::Element::f32),
      pool_(pool_of(options)) {
  if (options.type != KvType::f32 && options.type != KvType::bf16)
    throw Error({.where = "cache",
                 .found = fmt::format("type {}", to_string(options.type)),
                 .expected = "f32 or bf16: this model's attention is latent"},
                Fault::usage);
}

int64_t LatentState::capacity_for(int64_t length, int64_t count) const {
  const int64_t needed = length + count;
  if (needed <= capacity_ && rows_.use_count() <= 1) return capacity_;
  constexpr int64_t smallest = 32;
  return std::max({needed, capacity_, std::min(context_, std::max(smallest, 2 * capacity_))});
}

void LatentState::reserve(int64_t length, int64_t count) {
  const int64_t capacity = capacity_for(length, count);
  if (capacity == capacity_ && rows_.use_count() <= 1) return;
  rows_ = pool_->copy(rows_, capacity * row_bytes(), length * row_bytes());
  capacity_ = capacity;
}

int64_t LatentState::bytes_to_grow(int64_t length, int64_t count) const {
  const int64_t capacity = capacity_for(length, count);
  return capacity == capacity_ && rows_.use_count() <= 1 ? 0 : capacity * row_bytes();
}

void LatentState::store(int64_t position, const float* values) {
  std::byte* row = rows_.get() + position * row_bytes();
  if (element_ == kernels::Element::f32) {
    std::memcpy(row, values, static_cast<size_t>(row_bytes()));
    return;
  }
  for (int64_t i = 0; i < width_; ++i) {
    const uint16_t bits = float_to_bf16(values[i]);
    std::memcpy(row + 2 * i, &bits, sizeof bits);
  }
}

ShortConvState::ShortConvState(const ShortConvSpec& spec, int64_t width, const KvOptions& options)
    : inputs_(spec.kernel_size - 1),
      width_(width),
      rollback_(options.rollback),
      history_(static_cast<size_t>(kept() * width)),
      next_(history_.size()) {}

void ShortConvState::advance(int64_t count) {
  history_.swap(next_);
  back_ = std::min(rollback_, back_ + count);
}

void ShortConvState::truncate(int64_t length, int64_t to) {
  const int64_t forgotten = (length - to) * width_;
  std::copy_backward(history_.begin(), history_.end() - forgotten, history_.end());
  std::fill_n(history_.begin(), forgotten, 0.0f);
  back_ -= length - to;
}

namespace {

struct StateMaker {
  const ModelSpec& model;
  const KvOptions& options;
  MixerState operator()(const AttentionSpec& spec) const { return KeyValueState(spec, options); }
  MixerState operator()(const LatentAttentionSpec& spec) const {
    return LatentState(spec, model.context, options);
  }
  MixerState operator()(const ShortConvSpec& spec) const {
    return ShortConvState(spec, model.width, options);
  }
};

}  // namespace

KvCache::KvCache(const ModelSpec& spec, const KvOptions& options)
    : context_(spec.context),
      keeps_tokens_(spec.routing_vocabulary.has_value()),
      one_pass_(options.one_pass) {
  KvOptions shared = options;
  shared.pool = pool_of(options);
  for (size_t layer = 0; layer < spec.blocks.size(); ++layer) {
    const MixerSpec& mixer = spec.blocks[layer].mixer;
    const auto equal = std::ranges::find(spec.blocks, mixer, &BlockSpec::mixer) - spec.blocks.begin();
    if (one_pass_ && static_cast<size_t>(equal) < layer) {
      state_of_layer_.push_back(state_of_layer_[static_cast<size_t>(equal)]);
      continue;
    }
    state_of_layer_.push_back(states_.size());
    states_.push_back(std::visit(StateMaker{spec, shared}, mixer));
  }
}

void KvCache::reserve(int64_t count) {
  COPPICE_CHECK(!one_pass_ || length_ == 0, "a sequence that nothing continues");
  for (auto& own : states_) std::visit([&](auto& state) { state.reserve(length_, count); }, own);
}

void KvCache::advance(std::span<const int32_t> tokens) {
  const auto count = static_cast<int64_t>(tokens.size());
  if (keeps_tokens_) tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  for (auto& own : states_) std::visit([&](auto& state) { state.advance(count); }, own);
  length_ += count;
}

void KvCache::truncate(int64_t length) {
  COPPICE_CHECK(length >= least_length() && length <= length_, "a length that can be gone back to");
  for (auto& own : states_) std::visit([&](auto& state) { state.truncate(length_, length); }, own);
  if (keeps_tokens_) tokens_.resize(static_cast<size_t>(length));
  length_ = length;
}

int64_t KvCache::least_length() const {
  int64_t least = 0;
  for (const auto& own : states_)
    least = std::max(least, std::visit([&](const auto& state) { return state.least_length(length_); }, own));
  return std::min(least, length_);
}

int64_t KvCache::bytes() const {
  auto bytes = static_cast<int64_t>(tokens_.size() * sizeof(int32_t));
  for (const auto& own : states_) bytes += std::visit([](const auto& state) { return state.bytes(); }, own);
  return bytes;
}

int64_t KvCache::bytes_to_grow(int64_t count) const {
  int64_t bytes = 0;
  for (const auto& own : states_)
    bytes += std::visit([&](const auto& state) { return state.bytes_to_grow(length_, count); }, own);
  return bytes;
}

int64_t KvCache::most_bytes(int64_t length, int64_t chunk) const {
  int64_t bytes = 0;
  for (const auto& own : states_)
    bytes += std::visit([&](const auto& state) { return state.most_bytes(length, chunk); }, own);
  return bytes;
}

}  // namespace coppice
