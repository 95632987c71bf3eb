#pragma once
// Documents for the tests of the world.

#include <vector>

#include "lab/world/world_text.h"

namespace coppice::lab::test {

inline const World& default_world() {
  static const World world = make_world();
  return world;
}

inline std::vector<std::string> documents(const std::string& domain, size_t count, Split split = Split::train,
                                          uint64_t seed = 0) {
  WorldTeller teller(default_world(), {.mixture = {{domain, 1.0}}, .split = split, .seed = seed});
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; ++i) texts.push_back(teller.next().text);
  return texts;
}

}  // namespace coppice::lab::test
