#pragma once
// A small closed world: entities with attributes and relations, made deterministically from a seed. It is the
// ground truth of every text that the domains (domain.h) tell.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/rng.h"
#include "lab/world/options.h"

namespace coppice::lab {

enum class Kind { person, place, animal, thing, shop };
inline constexpr int kind_count = 5;
const char* kind_name(Kind kind);

enum class Attribute {
  surname,
  gender,
  age,
  occupation,
  home,
  parent,
  friend_of,  // of people
  favourite_colour,
  favourite_food,
  hobby,
  category,
  population,
  founded,
  river,
  neighbour,
  market_day,
  toll,  // of places
  colour,
  owner,  // of animals, things and shops
  species,
  trick,  // of animals
  material,
  price,  // of things
  place,
  goods,
  hour,  // of shops: what they sell and when they open
  count
};

// An attribute as it is written in records: its first label is the usual one, the others are synonyms.
struct AttributeInfo {
  Attribute attribute;
  std::vector<std::string_view> labels;
};
const std::vector<AttributeInfo>& attributes_of(Kind kind);

using EntityId = int32_t;

struct Value {
  enum class Type { none, number, word, entity } type = Type::none;
  int64_t number = 0;  // or the entity's id
  std::string word;

  bool known() const { return type != Type::none; }
};

struct Entity {
  Kind kind;
  std::string name;
  std::array<Value, static_cast<size_t>(Attribute::count)> values;

  const Value& operator[](Attribute attribute) const { return values[static_cast<size_t>(attribute)]; }
  Value& operator[](Attribute attribute) { return values[static_cast<size_t>(attribute)]; }
};

class World {
 public:
  WorldOptions options;
  std::vector<Entity> entities;

  const Entity& entity(EntityId id) const { return entities[static_cast<size_t>(id)]; }
  const std::string& name(EntityId id) const { return entity(id).name; }
  const Value& value(EntityId id, Attribute attribute) const { return entity(id)[attribute]; }
  int64_t number(EntityId id, Attribute attribute) const;
  const std::string& word(EntityId id, Attribute attribute) const;
  EntityId related(EntityId id, Attribute attribute) const;

  // The value as text: digits, the word or the entity's name.
  std::string text(const Value& value) const;

  // The entity of that name, or -1.
  EntityId find(std::string_view name) const;

  // All entities of a kind, the best known first.
  const std::vector<EntityId>& ranked(Kind kind) const { return ranked_[static_cast<size_t>(kind)]; }

  // An entity drawn by popularity: rank r has weight (r + 1)^-zipf (Zipf, 1935).
  EntityId draw(Kind kind, Rng& rng) const;

  // What a person owns, of one kind, in order of id.
  std::vector<EntityId> owned(EntityId person, Kind kind) const;

  bool child(EntityId person) const { return number(person, Attribute::age) < 16; }
  bool female(EntityId person) const { return word(person, Attribute::gender) == "female"; }

 private:
  friend class WorldMaker;
  std::array<std::vector<EntityId>, kind_count> ranked_;
  std::array<std::vector<double>, kind_count> cumulative_;
  std::unordered_map<std::string, EntityId> by_name_;
  std::vector<std::vector<EntityId>> owned_;
};

World make_world(const WorldOptions& options = {});

}  // namespace coppice::lab
