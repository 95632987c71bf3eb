#include "lab/world/world_text.h"

#include "base/error.h"
#include "base/strings.h"

namespace coppice::lab {
namespace {

uint64_t text_hash(std::string_view text) {
  uint64_t hash = 1469598103934665603ULL;  // FNV-1a
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211ULL;
  return hash ^ (hash >> 32);
}

bool belongs_to(Split split, std::string_view text) {
  return (text_hash(text) % 4 == 0) == (split == Split::test);
}

double parse_weight(const std::string& text) {
  size_t used = 0;
  double weight = 0;
  try {
    weight = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != text.size() || !(weight > 0) || weight > 1e6)
    throw Error({.where = "domain mixture",
                 .found = fmt::format("weight '{}'", text),
                 .expected = "a number above 0"},
                Fault::usage);
  return weight;
}

}  // namespace

Mixture parse_mixture(std::string_view text) {
  Mixture mixture;
  if (text == "all") {
    for (const auto& name : domains().names()) mixture.emplace_back(name, 1.0);
    return mixture;
  }
  for (const auto& part : split(text, ',')) {
    const size_t colon = part.find(':');
    const std::string name = part.substr(0, colon);
    domains().get(name, "domain mixture");
    mixture.emplace_back(name, colon == std::string::npos ? 1.0 : parse_weight(part.substr(colon + 1)));
  }
  return mixture;
}

WorldTeller::WorldTeller(const World& world, WorldTextSettings settings)
    : world_(world),
      settings_(std::move(settings)),
      base_(Rng(settings_.seed).fork(to_string(settings_.split))) {
  COPPICE_CHECK(!settings_.mixture.empty());
}

Document WorldTeller::next() {
  double total = 0;
  for (const auto& [name, weight] : settings_.mixture) total += weight;
  while (true) {
    // Seeds of the train split are even, of the test split odd.
    const uint64_t seed = base_.next() * 2 + (settings_.split == Split::test ? 1 : 0);
    Rng rng(seed);
    double point = rng.uniform() * total;
    size_t chosen = 0;
    while (chosen + 1 < settings_.mixture.size() && point >= settings_.mixture[chosen].second)
      point -= settings_.mixture[chosen++].second;
    Document document{settings_.mixture[chosen].first, {}};
    domains().get(document.domain).tell(world_, rng, document.text);
    if (belongs_to(settings_.split, document.text)) return document;
  }
}

std::string world_text(const World& world, const WorldTextSettings& settings, size_t bytes) {
  WorldTeller teller(world, settings);
  std::string text;
  text.reserve(bytes);
  while (true) {
    const Document document = teller.next();
    if (!text.empty() && text.size() + document.text.size() + document_end.size() + 2 > bytes) return text;
    text.append(document.text).append("\n").append(document_end).append("\n");
    if (text.size() >= bytes) return text;
  }
}

}  // namespace coppice::lab
