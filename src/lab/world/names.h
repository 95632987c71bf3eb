#pragma once
// Invented, pronounceable names.

#include <string>
#include <unordered_set>

#include "base/rng.h"

namespace coppice::lab {

// Gives names that never repeat, of `least` to `most` syllables, beginning with a capital.
class NameMaker {
 public:
  explicit NameMaker(Rng rng) : rng_(rng) {}
  std::string name(int least = 2, int most = 3);

 private:
  Rng rng_;
  std::unordered_set<std::string> used_;
};

}  // namespace coppice::lab
