#include "model/relative_bias.h"

#include <algorithm>

namespace coppice {

RelativeBias::RelativeBias(const RelativeBiasSpec& spec, bool causal, int64_t heads, std::vector<float> table)
    : spec_(spec), causal_(causal), heads_(heads), table_(std::move(table)) {}

void RelativeBias::extend(int64_t length) {
  if (length <= length_) return;
  constexpr int64_t smallest = 64;
  length_ = std::max({length, smallest, 2 * length_});
  const int64_t offsets = 2 * length_ - 1;
  by_offset_.resize(static_cast<size_t>(heads_ * offsets));
  for (int64_t i = 0; i < offsets; ++i) {
    const int64_t bucket = relative_bucket(spec_, causal_, i - (length_ - 1));
    for (int64_t head = 0; head < heads_; ++head)
      by_offset_[static_cast<size_t>(head * offsets + i)] =
          table_[static_cast<size_t>(bucket * heads_ + head)];
  }
}

std::shared_ptr<RelativeBias> RelativeBiases::get(const BlockSpec& block, size_t index, WeightStore& weights,
                                                  const std::string& prefix) {
  const auto* attention = std::get_if<AttentionSpec>(&block.mixer);
  if (attention == nullptr || attention->relative_bias.buckets == 0) return nullptr;
  if (!has_bias_table(block, index)) return shared_;
  auto own = std::make_shared<RelativeBias>(attention->relative_bias, attention->causal, attention->heads,
                                            weights.vector(prefix + "relative_bias.weight"));
  if (attention->relative_bias.shared) shared_ = own;
  return own;
}

}  // namespace coppice
