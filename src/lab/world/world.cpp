#include "lab/world/world.h"

#include <algorithm>

#include "base/error.h"

namespace coppice::lab {

const char* kind_name(Kind kind) {
  static constexpr std::array<const char*, kind_count> names = {"person", "place", "animal", "thing", "shop"};
  return names[static_cast<size_t>(kind)];
}

const std::vector<AttributeInfo>& attributes_of(Kind kind) {
  static const std::array<std::vector<AttributeInfo>, kind_count> all = {{
      {{Attribute::surname, {"surname", "family name"}},
       {Attribute::gender, {"gender"}},
       {Attribute::age, {"age", "years"}},
       {Attribute::occupation, {"occupation", "job", "work"}},
       {Attribute::home, {"home", "lives in", "residence"}},
       {Attribute::parent, {"parent", "child of"}},
       {Attribute::friend_of, {"friend", "best friend"}},
       {Attribute::favourite_colour, {"favourite colour", "likes the colour"}},
       {Attribute::favourite_food, {"favourite food", "likes to eat"}},
       {Attribute::hobby, {"hobby", "pastime"}}},
      {{Attribute::category, {"kind of place", "type"}},
       {Attribute::population, {"population", "number of people"}},
       {Attribute::founded, {"founded", "built in the year"}},
       {Attribute::river, {"river", "water"}},
       {Attribute::neighbour, {"neighbour", "next to"}},
       {Attribute::market_day, {"market day", "day of the market"}},
       {Attribute::toll, {"toll", "bridge toll"}}},
      {{Attribute::species, {"species", "animal"}},
       {Attribute::age, {"age", "years"}},
       {Attribute::colour, {"colour", "coat"}},
       {Attribute::owner, {"owner", "belongs to"}},
       {Attribute::favourite_food, {"favourite food", "eats"}},
       {Attribute::trick, {"trick", "can"}}},
      {{Attribute::category, {"object", "type"}},
       {Attribute::colour, {"colour", "paint"}},
       {Attribute::material, {"material", "made of"}},
       {Attribute::price, {"price", "cost"}},
       {Attribute::owner, {"owner", "belongs to"}}},
      {{Attribute::category, {"trade", "kind of shop"}},
       {Attribute::place, {"place", "town"}},
       {Attribute::owner, {"owner", "keeper"}},
       {Attribute::goods, {"sells", "goods"}},
       {Attribute::hour, {"opens at", "opening hour"}}},
  }};
  return all[static_cast<size_t>(kind)];
}

int64_t World::number(EntityId id, Attribute attribute) const {
  const Value& found = value(id, attribute);
  COPPICE_CHECK(found.type == Value::Type::number, name(id));
  return found.number;
}

const std::string& World::word(EntityId id, Attribute attribute) const {
  const Value& found = value(id, attribute);
  COPPICE_CHECK(found.type == Value::Type::word, name(id));
  return found.word;
}

EntityId World::related(EntityId id, Attribute attribute) const {
  const Value& found = value(id, attribute);
  COPPICE_CHECK(found.type == Value::Type::entity, name(id));
  return static_cast<EntityId>(found.number);
}

std::string World::text(const Value& value) const {
  switch (value.type) {
    case Value::Type::number:
      return std::to_string(value.number);
    case Value::Type::word:
      return value.word;
    case Value::Type::entity:
      return name(static_cast<EntityId>(value.number));
    case Value::Type::none:
      break;
  }
  return "unknown";
}

EntityId World::find(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  return found == by_name_.end() ? -1 : found->second;
}

EntityId World::draw(Kind kind, Rng& rng) const {
  const auto& cumulative = cumulative_[static_cast<size_t>(kind)];
  const double point = rng.uniform() * cumulative.back();
  const auto at = std::upper_bound(cumulative.begin(), cumulative.end() - 1, point) - cumulative.begin();
  return ranked(kind)[static_cast<size_t>(at)];
}

std::vector<EntityId> World::owned(EntityId person, Kind kind) const {
  std::vector<EntityId> result;
  for (const EntityId id : owned_[static_cast<size_t>(person)])
    if (entity(id).kind == kind) result.push_back(id);
  return result;
}

}  // namespace coppice::lab
