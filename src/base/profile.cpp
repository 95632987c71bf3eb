#include "base/profile.h"

namespace coppice {

void Profile::enter(Part part) {
  const auto now = std::chrono::steady_clock::now();
  seconds_[static_cast<size_t>(open_)] += std::chrono::duration<double>(now - since_).count();
  since_ = now;
  open_ = part;
}

void Profile::start() {
  seconds_.fill(0);
  open_ = Part::other;
  since_ = std::chrono::steady_clock::now();
  on_ = true;
}

void Profile::stop() {
  enter(Part::other);
  on_ = false;
}

std::array<double, part_names.size()> Profile::seconds() {
  return seconds_;
}

}  // namespace coppice
