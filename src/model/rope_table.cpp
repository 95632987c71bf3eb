#include "model/rope_table.h"

#include <cmath>

namespace coppice {

void RopeTable::extend(int64_t count) {
  for (; filled_ < count; ++filled_)
    for (const double frequency : frequencies_) {
      const double angle = static_cast<double>(filled_) * frequency;
      cosine_.push_back(static_cast<float>(std::cos(angle)));
      sine_.push_back(static_cast<float>(std::sin(angle)));
    }
}

std::shared_ptr<RopeTable> RopeTables::get(const RopeSpec& rope, int64_t head_dim) {
  for (const auto& table : tables_)
    if (table->is_for(rope, head_dim)) return table;
  return tables_.emplace_back(std::make_shared<RopeTable>(rope, head_dim));
}

}  // namespace coppice
