#include <algorithm>

#include "lab/world/domain.h"

namespace coppice::lab {
namespace {

Kind some_kind(Rng& rng) {
  static constexpr std::array kinds = {Kind::person, Kind::person, Kind::animal,
                                       Kind::thing,  Kind::place,  Kind::shop};
  return rng.pick(kinds);
}

std::vector<EntityId> distinct(const World& world, Kind kind, size_t count, Rng& rng) {
  std::vector<EntityId> chosen;
  while (chosen.size() < count) {
    const EntityId id = world.draw(kind, rng);
    if (std::find(chosen.begin(), chosen.end(), id) == chosen.end()) chosen.push_back(id);
  }
  return chosen;
}

std::vector<AttributeInfo> some_attributes(Kind kind, size_t least, Rng& rng) {
  auto chosen = attributes_of(kind);
  rng.shuffle(chosen);
  least = std::min(least, chosen.size());
  chosen.resize(least + rng.below(chosen.size() - least + 1));
  return chosen;
}

std::string_view label(const AttributeInfo& info, Rng& rng) {
  return rng.chance(0.6) ? info.labels[0] : rng.pick(info.labels);
}

// name: …\nkind: …\nage: …
void sheet(const World& world, EntityId id, Rng& rng, std::string& out) {
  const Kind kind = world.entity(id).kind;
  out += "name: " + world.name(id) + "\nkind: " + kind_name(kind) + "\n";
  for (const auto& info : some_attributes(kind, 3, rng)) {
    const Value& value = world.value(id, info.attribute);
    if (value.known()) out.append(label(info, rng)).append(": ").append(world.text(value)).append("\n");
  }
}

// A header line of labels, then a line per entity, cells separated by " | ".
void table(const World& world, Kind kind, Rng& rng, std::string& out) {
  auto columns = some_attributes(kind, 2, rng);
  columns.resize(std::min<size_t>(columns.size(), 5));
  out += "table: ";
  out.append(kind_name(kind)).append("\nname");
  for (const auto& info : columns) out.append(" | ").append(info.labels[0]);
  out += "\n";
  for (const EntityId id : distinct(world, kind, 3 + rng.below(5), rng)) {
    out += world.name(id);
    for (const auto& info : columns) out.append(" | ").append(world.text(world.value(id, info.attribute)));
    out += "\n";
  }
}

}  // namespace

void tell_record(const World& world, Rng& rng, std::string& out) {
  const Kind kind = some_kind(rng);
  if (rng.chance(0.35)) {
    table(world, kind, rng, out);
  } else {
    const auto ids = distinct(world, kind, 2 + rng.below(4), rng);
    out.append("record ").append(std::to_string(100 + rng.below(900))).append("\n");
    for (const EntityId id : ids) {
      out += "\n";
      sheet(world, id, rng, out);
    }
  }
  out.pop_back();
}

}  // namespace coppice::lab
