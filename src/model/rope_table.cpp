#include "model/rope_table.h"

#include <algorithm>
#include <cmath>

namespace coppice {

void RopeTable::extend(int64_t count) {
  const double amplitude = rope_amplitude(rope_);
  for (; filled_ < count; ++filled_)
    for (const double frequency : frequencies_) {
      const double angle = static_cast<double>(filled_) * frequency;
      cosine_.push_back(static_cast<float>(amplitude * std::cos(angle)));
      sine_.push_back(static_cast<float>(amplitude * std::sin(angle)));
    }
}

void RopeTable::turn(const kernels::Kernels& kernels, float* x, int64_t position) const {
  const auto pairs = static_cast<size_t>(half());
  if (rope_.interleaved) {
    thread_local std::vector<float> second;
    second.resize(pairs);
    for (size_t i = 0; i < pairs; ++i) second[i] = x[2 * i + 1];
    for (size_t i = 0; i < pairs; ++i) x[i] = x[2 * i];
    std::copy(second.begin(), second.end(), x + pairs);
  }
  kernels.rope(x, cosine_.data() + position * half(), sine_.data() + position * half(), half());
}

std::shared_ptr<RopeTable> RopeTables::get(const RopeSpec& rope, int64_t head_dim) {
  for (const auto& table : tables_)
    if (table->is_for(rope, head_dim)) return table;
  return tables_.emplace_back(std::make_shared<RopeTable>(rope, head_dim));
}

}  // namespace coppice
