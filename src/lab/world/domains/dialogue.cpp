#include "lab/world/domain.h"
#include "lab/world/grammar.h"

namespace coppice::lab {
namespace {

// A question about one attribute: ways to ask, and ways to answer given the value ($v).
struct Question {
  Kind kind;
  Attribute attribute;
  std::string_view ask, tell;
};

// clang-format off
constexpr std::array questions = {
    Question{Kind::person, Attribute::age, "{How old is $x?|What is the age of $x?|Do you know how old $x is?}", "{$x is $v years old.|$he_cap is $v.|$v years.}"},
    Question{Kind::person, Attribute::home, "{Where does $x live?|In which place does $x live?|Where is the home of $x?}", "{$x lives in $v.|In $v.|$he_cap lives in $v.}"},
    Question{Kind::person, Attribute::occupation, "{What is the occupation of $x?|What work does $x do?|What does $x do all day?}", "{$x is a~ $v.|$he_cap works as a~ $v.|^a~ $v.}"},
    Question{Kind::person, Attribute::favourite_colour, "{Which colour does $x like best?|What is the favourite colour of $x?}", "{$x likes $v best.|^$v.|$he_cap likes $v.}"},
    Question{Kind::person, Attribute::favourite_food, "{What does $x like to eat?|What is the favourite food of $x?}", "{$x likes to eat $v.|^$v.|$he_cap loves $v.}"},
    Question{Kind::person, Attribute::hobby, "{What is the hobby of $x?|What does $x like to do?}", "{$x likes $v.|^$v.|$he_cap enjoys $v.}"},
    Question{Kind::person, Attribute::friend_of, "{Who is the best friend of $x?|Whom does $x call a friend?}", "{$v is the best friend of $x.|$v.|It is $v.}"},
    Question{Kind::person, Attribute::parent, "{Who is the parent of $x?|Whose child is $x?}", "{$v is the parent of $x.|$v.|$x is the child of $v.}"},
    Question{Kind::person, Attribute::surname, "{What is the surname of $x?|What is the family name of $x?}", "{The family name is $v.|$x $v.|$v.}"},
    Question{Kind::animal, Attribute::species, "{What kind of animal is $x?|What is $x?}", "{$x is a~ $v.|^a~ $v.}"},
    Question{Kind::animal, Attribute::owner, "{Who owns $x?|Who is the owner of $x?|To whom does $x belong?}", "{$v owns $x.|$x belongs to $v.|$v.}"},
    Question{Kind::animal, Attribute::colour, "{What colour is $x?|Which colour has $x?}", "{$x is $v.|^$v.}"},
    Question{Kind::animal, Attribute::trick, "{What can $x do?|Which trick does $x know?}", "{$x can $v.|^$v.}"},
    Question{Kind::animal, Attribute::age, "{How old is $x?|What is the age of $x?}", "{$x is $v years old.|$v years.}"},
    Question{Kind::thing, Attribute::price, "{How much is the $x?|What does the $x cost?|What is the price of the $x?}", "{The $x costs $v coins.|$v coins.|It costs $v coins.}"},
    Question{Kind::thing, Attribute::owner, "{Who owns the $x?|Whose is the $x?|To whom does the $x belong?}", "{$v owns the $x.|The $x belongs to $v.|$v.}"},
    Question{Kind::thing, Attribute::material, "{What is the $x made of?|Of which material is the $x?}", "{The $x is made of $v.|It is made of $v.|^$v.}"},
    Question{Kind::thing, Attribute::colour, "{What colour is the $x?|Which colour has the $x?}", "{The $x is $v.|^$v.}"},
    Question{Kind::place, Attribute::market_day, "{When is the market in $x?|On which day is the market in $x?}", "{The market in $x is on $v.|On $v.}"},
    Question{Kind::place, Attribute::population, "{How many people live in $x?|What is the population of $x?}", "{$v people live in $x.|$v people.}"},
    Question{Kind::place, Attribute::river, "{Which river flows through $x?|What is the name of the river in $x?}", "{The $v flows through $x.|The $v.}"},
    Question{Kind::place, Attribute::toll, "{How high is the toll in $x?|What does the bridge in $x cost?}", "{The toll in $x is $v coins.|$v coins.}"},
    Question{Kind::place, Attribute::neighbour, "{Which place is next to $x?|What lies next to $x?}", "{$v is next to $x.|$v.}"},
    Question{Kind::place, Attribute::founded, "{When was $x founded?|In which year was $x founded?}", "{$x was founded in $v.|In the year $v.}"},
    Question{Kind::shop, Attribute::place, "{Where is the $x?|In which town is the $x?}", "{The $x is in $v.|In $v.}"},
    Question{Kind::shop, Attribute::owner, "{Who keeps the $x?|Who owns the $x?}", "{$v keeps the $x.|$v.}"},
    Question{Kind::shop, Attribute::goods, "{What does the $x sell?|What can I buy at the $x?}", "{The $x sells $v.|^$v.}"},
    Question{Kind::shop, Attribute::hour, "{When does the $x open?|At what hour does the $x open?}", "{The $x opens at $v.|At $v.}"},
};
// clang-format on

struct Turn {
  std::string question, answer;
};

class Conversation {
 public:
  Conversation(const World& world, Rng& rng) : world_(world), rng_(rng) {}

  Turn turn() {
    switch (rng_.below(8)) {
      case 0:
        return confirm();
      case 1:
        return compare();
      case 2:
        return count();
      case 3:
        return two_steps();
      default:
        return plain();
    }
  }

 private:
  // A question that the world knows the answer to, and its subject.
  std::pair<const Question*, EntityId> draw() {
    while (true) {
      const Question& question = rng_.pick(questions);
      const EntityId subject = world_.draw(question.kind, rng_);
      if (world_.value(subject, question.attribute).known()) return {&question, subject};
    }
  }

  std::string say(std::string_view text, const Slots& slots) {
    std::string out = grammar_.expand(text, slots, rng_);
    finish(out);
    return out;
  }

  Turn plain() {
    const auto [question, subject] = draw();
    const bool person = question->kind == Kind::person;
    const Slots slots = {{"x", world_.name(subject)},
                         {"v", world_.text(world_.value(subject, question->attribute))},
                         {"he_cap", person && world_.female(subject) ? "She" : "He"}};
    return {say(question->ask, slots), say(question->tell, slots)};
  }

  // Yes or no: half of the claims are another entity's value.
  Turn confirm() {
    const EntityId who = world_.draw(Kind::person, rng_);
    const EntityId home = world_.related(who, Attribute::home);
    const EntityId claimed = rng_.chance(0.5) ? home : world_.draw(Kind::place, rng_);
    const Slots slots = {{"x", world_.name(who)}, {"v", world_.name(home)}, {"c", world_.name(claimed)}};
    return {say("{Does $x live in $c?|Is $c the home of $x?}", slots),
            say(claimed == home ? "Yes, {$x lives in $v|in $v}." : "No, {$x lives in $v|in $v}.", slots)};
  }

  Turn compare() {
    const EntityId a = world_.draw(Kind::person, rng_), b = world_.draw(Kind::person, rng_);
    const int64_t age_a = world_.number(a, Attribute::age), age_b = world_.number(b, Attribute::age);
    if (age_a == age_b) return plain();
    const Slots slots = {{"x", world_.name(a)},
                         {"y", world_.name(b)},
                         {"old", world_.name(age_a > age_b ? a : b)},
                         {"young", world_.name(age_a > age_b ? b : a)}};
    if (rng_.chance(0.5))
      return {say("Who is older, $x or $y?", slots),
              say("{$old is older.|$old is older than $young.}", slots)};
    return {say("Who is younger, $x or $y?", slots),
            say("{$young is younger.|$young is younger than $old.}", slots)};
  }

  Turn count() {
    const EntityId who = world_.draw(Kind::person, rng_);
    const bool animals = rng_.chance(0.5);
    const auto owned = world_.owned(who, animals ? Kind::animal : Kind::thing);
    std::string list;
    for (size_t i = 0; i < owned.size(); ++i)
      list += (i == 0                  ? ""
               : i + 1 == owned.size() ? " and "
                                       : ", ") +
              std::string(animals ? "" : "the ") + world_.name(owned[i]);
    const Slots slots = {{"x", world_.name(who)},
                         {"what", animals ? "animals" : "things"},
                         {"n", std::to_string(owned.size())},
                         {"list", list}};
    return {say("How many $what does $x own?", slots), say(owned.empty() ? "None." : "$n: $list.", slots)};
  }

  Turn two_steps() {
    const Kind kind = rng_.chance(0.5) ? Kind::animal : Kind::thing;
    const EntityId id = world_.draw(kind, rng_);
    const EntityId owner = world_.related(id, Attribute::owner);
    const Slots slots = {{"x", (kind == Kind::thing ? "the " : "") + world_.name(id)},
                         {"o", world_.name(owner)},
                         {"age", world_.text(world_.value(owner, Attribute::age))},
                         {"home", world_.text(world_.value(owner, Attribute::home))}};
    if (rng_.chance(0.5))
      return {say("Where does the owner of $x live?", slots),
              say("{$o owns $x and lives in $home.|In $home, with $o.}", slots)};
    return {say("How old is the owner of $x?", slots),
            say("{$o owns $x and is $age years old.|The owner is $o, and $o is $age.}", slots)};
  }

  const World& world_;
  Rng& rng_;
  const Grammar grammar_{{}};
};

}  // namespace

void tell_dialogue(const World& world, Rng& rng, std::string& out) {
  Conversation conversation(world, rng);
  const bool named = rng.chance(0.5);
  const EntityId asker = world.draw(Kind::person, rng);
  const std::string ask = named ? world.name(asker) : "Q";
  const std::string tell = named ? world.name(world.related(asker, Attribute::friend_of)) : "A";
  for (uint64_t turns = 3 + rng.below(5); turns > 0; --turns) {
    const Turn turn = conversation.turn();
    out.append(ask).append(": ").append(turn.question).append("\n");
    out.append(tell).append(": ").append(turn.answer).append("\n");
  }
  out.pop_back();
}

}  // namespace coppice::lab
