#include "lab/world/names.h"

#include <array>
#include <string_view>

namespace coppice::lab {
namespace {

constexpr std::array<std::string_view, 15> onsets = {"b", "d", "f", "g", "k", "l", "m", "n",
                                                     "p", "r", "s", "t", "v", "w", "z"};
constexpr std::array<std::string_view, 8> clusters = {"br", "dr", "fl", "gr", "kl", "pl", "st", "tr"};
constexpr std::array<std::string_view, 7> vowels = {"a", "e", "i", "o", "u", "a", "o"};
constexpr std::array<std::string_view, 7> endings = {"", "", "", "n", "l", "r", "s"};

}  // namespace

std::string NameMaker::name(int least, int most) {
  for (int tries = 0;; ++tries) {
    const int syllables =
        least + static_cast<int>(rng_.below(static_cast<uint64_t>(most - least + 1))) + tries / 50;
    std::string name;
    for (int i = 0; i < syllables; ++i) {
      name += i == 0 && rng_.chance(0.25) ? rng_.pick(clusters) : rng_.pick(onsets);
      name += rng_.pick(vowels);
    }
    name += rng_.pick(endings);
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    if (used_.insert(name).second) return name;
  }
}

}  // namespace coppice::lab
