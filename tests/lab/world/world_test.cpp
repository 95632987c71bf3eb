#include "lab/world/world.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "lab/world/grammar.h"

namespace coppice::lab {
namespace {

std::vector<std::string> all_facts(const World& world) {
  std::vector<std::string> facts;
  for (const auto& entity : world.entities) {
    facts.push_back(entity.name);
    for (const auto& value : entity.values) facts.push_back(world.text(value));
  }
  return facts;
}

TEST(World, IsTheSameForASeedAndAnotherForAnother) {
  EXPECT_EQ(all_facts(make_world({.seed = 3})), all_facts(make_world({.seed = 3})));
  EXPECT_NE(all_facts(make_world({.seed = 3})), all_facts(make_world({.seed = 4})));
}

TEST(World, HasAsManyEntitiesAsAskedWithDistinctNames) {
  const WorldOptions options = {.people = 500, .places = 40, .animals = 300, .things = 700, .shops = 90};
  const World world = make_world(options);
  EXPECT_EQ(world.ranked(Kind::person).size(), 500u);
  EXPECT_EQ(world.ranked(Kind::place).size(), 40u);
  EXPECT_EQ(world.ranked(Kind::animal).size(), 300u);
  EXPECT_EQ(world.ranked(Kind::thing).size(), 700u);
  EXPECT_EQ(world.ranked(Kind::shop).size(), 90u);
  std::set<std::string> names;
  for (const auto& entity : world.entities) names.insert(entity.name);
  EXPECT_EQ(names.size(), world.entities.size());
  for (size_t i = 0; i < world.entities.size(); ++i)
    EXPECT_EQ(world.find(world.entities[i].name), static_cast<EntityId>(i));
  EXPECT_EQ(world.find("Nobody at all"), -1);
}

TEST(World, RelationsAreConsistent) {
  const World world = make_world({.people = 300});
  size_t with_parent = 0;
  for (const EntityId person : world.ranked(Kind::person)) {
    EXPECT_EQ(world.entity(world.related(person, Attribute::home)).kind, Kind::place);
    EXPECT_NE(world.related(person, Attribute::friend_of), person);
    EXPECT_EQ(world.child(person), world.word(person, Attribute::occupation) == "pupil");
    if (!world.value(person, Attribute::parent).known()) continue;
    ++with_parent;
    const EntityId parent = world.related(person, Attribute::parent);
    EXPECT_GE(world.number(parent, Attribute::age), world.number(person, Attribute::age) + 20);
    EXPECT_EQ(world.word(parent, Attribute::surname), world.word(person, Attribute::surname));
    if (world.child(person)) {
      EXPECT_EQ(world.related(parent, Attribute::home), world.related(person, Attribute::home));
    }
  }
  EXPECT_GT(with_parent, 100u);
  for (const Kind kind : {Kind::animal, Kind::thing, Kind::shop}) {
    size_t owned = 0;
    for (const EntityId person : world.ranked(Kind::person)) {
      for (const EntityId id : world.owned(person, kind))
        EXPECT_EQ(world.related(id, Attribute::owner), person);
      owned += world.owned(person, kind).size();
    }
    EXPECT_EQ(owned, world.ranked(kind).size());
  }
}

TEST(World, EveryEntityHasTheAttributesOfItsKind) {
  const World world = make_world();
  for (const auto& entity : world.entities)
    for (const auto& info : attributes_of(entity.kind))
      EXPECT_TRUE(info.attribute == Attribute::parent || entity[info.attribute].known())
          << entity.name << " " << info.labels[0];
}

// The share of rank r among many draws is close to (r + 1)^-s over the sum.
TEST(World, PopularityFollowsZipfsLaw) {
  const World world = make_world({.people = 50, .zipf = 1});
  const auto& ranked = world.ranked(Kind::person);
  std::vector<size_t> place_of(world.entities.size());
  for (size_t rank = 0; rank < ranked.size(); ++rank) place_of[static_cast<size_t>(ranked[rank])] = rank;
  std::vector<double> drawn(ranked.size());
  constexpr int draws = 200000;
  Rng rng(1);
  for (int i = 0; i < draws; ++i)
    drawn[place_of[static_cast<size_t>(world.draw(Kind::person, rng))]] += 1.0 / draws;
  double sum = 0;
  for (size_t rank = 0; rank < ranked.size(); ++rank) sum += 1.0 / static_cast<double>(rank + 1);
  for (size_t rank = 0; rank < ranked.size(); ++rank)
    EXPECT_NEAR(drawn[rank], 1.0 / static_cast<double>(rank + 1) / sum, 0.004) << rank;
}

TEST(World, OptionsAreReadAndWritten) {
  WorldOptions options = from_json<WorldOptions>(Json::parse(R"({"world_seed": 5, "people": 90})"), "world");
  EXPECT_EQ(options.seed, 5u);
  EXPECT_EQ(to_json(options)["people"], 90);
  EXPECT_THROW(from_json<WorldOptions>(Json::parse(R"({"people": 2})"), "world"), Error);
  EXPECT_THROW(from_json<WorldOptions>(Json::parse(R"({"poeple": 20})"), "world"), Error);
}

TEST(Grammar, ExpandsRulesChoicesSlotsAndMarks) {
  const Grammar grammar({{"animal", {"owl"}}, {"list", {"end", "more, [list]"}}});
  Rng rng(1);
  std::string text =
      grammar.expand("^a~ [animal] and a~ {cat|cat} of $who. ^$he", {{"who", "Bo"}, {"he", "she"}}, rng);
  finish(text);
  EXPECT_EQ(text, "An owl and a cat of Bo. She");
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    seen.insert(grammar.expand("{a|b{c|d}}", {}, rng));
    EXPECT_LT(grammar.expand("[list]", {}, rng).size(), 200u);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"a", "bc", "bd"}));
}

TEST(Grammar, MistakesInTemplatesAreOurBugs) {
  const Grammar grammar({});
  Rng rng(1);
  EXPECT_THROW(grammar.expand("[none]", {}, rng), InternalError);
  EXPECT_THROW(grammar.expand("$none", {}, rng), InternalError);
  EXPECT_THROW(grammar.expand("{a|b", {}, rng), InternalError);
}

}  // namespace
}  // namespace coppice::lab
