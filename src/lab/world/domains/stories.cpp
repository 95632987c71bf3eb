#include "lab/world/domain.h"
#include "lab/world/domains/story_grammar.h"

namespace coppice::lab {
namespace {

std::string person_noun(const World& world, EntityId person, Rng& rng) {
  const bool female = world.female(person);
  if (world.child(person)) return female ? "girl" : "boy";
  if (rng.chance(0.5)) return world.word(person, Attribute::occupation);
  return female ? "woman" : "man";
}

}  // namespace

void tell_story(const World& world, Rng& rng, std::string& out) {
  const EntityId hero = world.draw(Kind::person, rng);
  const EntityId companion = world.related(hero, Attribute::friend_of);
  const auto pets = world.owned(hero, Kind::animal);
  const auto things = world.owned(hero, Kind::thing);
  const bool female = world.female(hero), friend_female = world.female(companion);
  EntityId away = world.related(hero, Attribute::home);
  while (away == world.related(hero, Attribute::home)) away = world.draw(Kind::place, rng);
  // Whoever owns no animal or thing meets one that the world knows nothing else of.
  Slots slots = {
      {"hero", world.name(hero)},
      {"he", female ? "she" : "he"},
      {"his", female ? "her" : "his"},
      {"him", female ? "her" : "him"},
      {"himself", female ? "herself" : "himself"},
      {"hero_is", person_noun(world, hero, rng)},
      {"friend", world.name(companion)},
      {"fhe", friend_female ? "she" : "he"},
      {"fhis", friend_female ? "her" : "his"},
      {"fhim", friend_female ? "her" : "him"},
      {"home", world.text(world.value(hero, Attribute::home))},
      {"away", world.name(away)},
      {"age", world.text(world.value(hero, Attribute::age))},
      {"food", world.word(hero, Attribute::favourite_food)},
      {"colour", world.word(hero, Attribute::favourite_colour)},
      {"hobby", world.word(hero, Attribute::hobby)},
      {"n", std::to_string(2 + rng.below(9))},
  };
  const EntityId pet = pets.empty() ? -1 : rng.pick(pets);
  slots.emplace_back("pet", pet < 0 ? std::string("Pip") : world.name(pet));
  slots.emplace_back("species", pet < 0 ? std::string("sparrow") : world.word(pet, Attribute::species));
  slots.emplace_back("trick", pet < 0 ? std::string("whistle") : world.word(pet, Attribute::trick));
  const EntityId thing = things.empty() ? -1 : rng.pick(things);
  slots.emplace_back("thing", thing < 0 ? std::string("Old Friend") : world.name(thing));
  slots.emplace_back("object", thing < 0 ? std::string("lantern") : world.word(thing, Attribute::category));
  slots.emplace_back("paint", thing < 0 ? std::string("white") : world.word(thing, Attribute::colour));
  const size_t start = out.size();
  out += rng.chance(0.8) ? "" : "^the story of " + world.name(hero) + "\n\n";
  story_grammar().expand("[story]", slots, rng, out);
  finish(out, start);
}

}  // namespace coppice::lab
