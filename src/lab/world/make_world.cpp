#include <algorithm>
#include <cmath>

#include "lab/world/names.h"
#include "lab/world/words.h"
#include "lab/world/world.h"

namespace coppice::lab {

// Makes the entities kind by kind; each kind has its own stream of random numbers, so that more animals, say,
// do not change the people.
class WorldMaker {
 public:
  explicit WorldMaker(const WorldOptions& options) : rng_(options.seed), names_(rng_.fork("names")) {
    world_.options = options;
  }

  World make() {
    const auto& options = world_.options;
    add(Kind::place, options.places);
    add(Kind::person, options.people);
    add(Kind::animal, options.animals);
    add(Kind::thing, options.things);
    add(Kind::shop, options.shops);
    make_places();
    make_people();
    make_animals();
    make_things();
    make_shops();
    finish();
    return std::move(world_);
  }

 private:
  void add(Kind kind, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      of(kind).push_back(static_cast<EntityId>(world_.entities.size()));
      world_.entities.push_back(
          {.kind = kind, .name = kind == Kind::thing || kind == Kind::shop ? "" : names_.name()});
    }
  }

  std::vector<EntityId>& of(Kind kind) { return world_.ranked_[static_cast<size_t>(kind)]; }
  Entity& at(EntityId id) { return world_.entities[static_cast<size_t>(id)]; }

  static Value number(int64_t value) { return {.type = Value::Type::number, .number = value}; }
  static Value word(std::string_view value) {
    return {.type = Value::Type::word, .word = std::string(value)};
  }
  static Value entity(EntityId id) { return {.type = Value::Type::entity, .number = id}; }
  static int64_t between(Rng& rng, int64_t low, int64_t high) {
    return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
  }

  void make_places() {
    Rng rng = rng_.fork("places");
    for (const EntityId id : of(Kind::place)) {
      Entity& place = at(id);
      place[Attribute::category] = word(rng.pick(place_kinds()));
      place[Attribute::population] = number(between(rng, 4, 90) * 10);
      place[Attribute::founded] = number(between(rng, 900, 1790));
      place[Attribute::river] = word(names_.name(1, 2));
      place[Attribute::market_day] = word(rng.pick(weekdays()));
      place[Attribute::toll] = number(between(rng, 1, 12));
      place[Attribute::neighbour] = entity(other(rng, Kind::place, id));
    }
  }

  // Oldest first, so that parents exist before their children.
  void make_people() {
    Rng rng = rng_.fork("people");
    const auto& people = of(Kind::person);
    std::vector<int64_t> ages;
    for (size_t i = 0; i < people.size(); ++i) ages.push_back(between(rng, 5, 84));
    std::sort(ages.rbegin(), ages.rend());
    for (size_t i = 0; i < people.size(); ++i) {
      Entity& person = at(people[i]);
      person[Attribute::age] = number(ages[i]);
      person[Attribute::gender] = word(rng.chance(0.5) ? "female" : "male");
      person[Attribute::occupation] = word(ages[i] < 16 ? "pupil" : rng.pick(occupations()));
      person[Attribute::home] = entity(rng.pick(of(Kind::place)));
      person[Attribute::favourite_colour] = word(rng.pick(colours()));
      person[Attribute::favourite_food] = word(rng.pick(foods()));
      person[Attribute::hobby] = word(rng.pick(hobbies()));
      person[Attribute::friend_of] = entity(other(rng, Kind::person, people[i]));
      person[Attribute::surname] = word(names_.name(1, 2));
      make_child_of_somebody(rng, i);
    }
  }

  // Children share the surname of the parent, and the home while they are young.
  void make_child_of_somebody(Rng& rng, size_t index) {
    const auto& people = of(Kind::person);
    Entity& person = at(people[index]);
    const int64_t age = person[Attribute::age].number;
    std::vector<EntityId> parents;
    for (size_t i = 0; i < index; ++i) {
      const int64_t difference = at(people[i])[Attribute::age].number - age;
      if (difference >= 20 && difference <= 42) parents.push_back(people[i]);
    }
    if (parents.empty()) return;
    const EntityId parent = rng.pick(parents);
    person[Attribute::parent] = entity(parent);
    person[Attribute::surname] = at(parent)[Attribute::surname];
    if (age < 16 || rng.chance(0.5)) person[Attribute::home] = at(parent)[Attribute::home];
  }

  void make_animals() {
    Rng rng = rng_.fork("animals");
    for (const EntityId id : of(Kind::animal)) {
      Entity& animal = at(id);
      animal[Attribute::species] = word(rng.pick(species()));
      animal[Attribute::age] = number(between(rng, 2, 14));
      animal[Attribute::colour] = word(rng.pick(colours()));
      animal[Attribute::owner] = entity(rng.pick(of(Kind::person)));
      animal[Attribute::favourite_food] = word(rng.pick(foods()));
      animal[Attribute::trick] = word(rng.pick(tricks()));
    }
  }

  void make_things() {
    Rng rng = rng_.fork("things");
    for (const EntityId id : of(Kind::thing)) {
      Entity& thing = at(id);
      thing[Attribute::category] = word(rng.pick(objects()));
      thing[Attribute::colour] = word(rng.pick(colours()));
      thing[Attribute::material] = word(rng.pick(materials()));
      thing[Attribute::price] = number(between(rng, 2, 60));
      thing[Attribute::owner] = entity(rng.pick(of(Kind::person)));
      thing.name = names_.name(1, 2) + " " + thing[Attribute::category].word;
    }
  }

  void make_shops() {
    Rng rng = rng_.fork("shops");
    for (const EntityId id : of(Kind::shop)) {
      Entity& shop = at(id);
      const Trade trade = trades()[rng.below(trades().size())];
      shop[Attribute::category] = word(trade.shop);
      shop[Attribute::goods] = word(trade.goods);
      shop[Attribute::place] = entity(rng.pick(of(Kind::place)));
      shop[Attribute::owner] = entity(rng.pick(of(Kind::person)));
      shop[Attribute::hour] = number(between(rng, 6, 11));
      shop.name = names_.name(1, 2) + " " + std::string(trade.shop);
    }
  }

  EntityId other(Rng& rng, Kind kind, EntityId self) {
    EntityId id = self;
    while (id == self) id = rng.pick(of(kind));
    return id;
  }

  void finish() {
    Rng rng = rng_.fork("popularity");
    for (size_t kind = 0; kind < kind_count; ++kind) {
      rng.shuffle(world_.ranked_[kind]);
      double sum = 0;
      for (size_t rank = 0; rank < world_.ranked_[kind].size(); ++rank)
        world_.cumulative_[kind].push_back(sum +=
                                           std::pow(static_cast<double>(rank + 1), -world_.options.zipf));
    }
    world_.owned_.resize(world_.entities.size());
    for (size_t i = 0; i < world_.entities.size(); ++i) {
      const Entity& entity = world_.entities[i];
      world_.by_name_.emplace(entity.name, static_cast<EntityId>(i));
      if (entity[Attribute::owner].known())
        world_.owned_[static_cast<size_t>(entity[Attribute::owner].number)].push_back(
            static_cast<EntityId>(i));
    }
  }

  Rng rng_;
  NameMaker names_;
  World world_;
};

World make_world(const WorldOptions& options) {
  return WorldMaker(options).make();
}

}  // namespace coppice::lab
