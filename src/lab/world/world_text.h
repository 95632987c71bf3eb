#pragma once
// Text of a world: documents of its domains, each followed by a line <|endoftext|>.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lab/world/domain.h"
#include "lab/world/options.h"

namespace coppice::lab {

inline constexpr std::string_view document_end = "<|endoftext|>";

struct Document {
  std::string domain, text;
};

// Names of domains with their shares of the documents; weights need not sum to one.
using Mixture = std::vector<std::pair<std::string, double>>;

// "all" (every domain alike), one domain, or a list such as "stories:3,laws:1". Errors name unknown domains
// and weights that are not positive numbers.
Mixture parse_mixture(std::string_view text);

struct WorldTextSettings {
  Mixture mixture = parse_mixture("all");
  Split split = Split::train;
  uint64_t seed = 0;
};

// The endless sequence of documents of one setting.
class WorldTeller {
 public:
  WorldTeller(const World& world, WorldTextSettings settings);
  Document next();

 private:
  const World& world_;
  WorldTextSettings settings_;
  Rng base_;
};

// Whole documents, at least one, of at most `bytes` bytes in all unless the first alone is longer.
std::string world_text(const World& world, const WorldTextSettings& settings, size_t bytes);

}  // namespace coppice::lab
