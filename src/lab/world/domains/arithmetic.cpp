#include "lab/world/domain.h"
#include "lab/world/grammar.h"

namespace coppice::lab {
namespace {

using std::to_string;

int64_t between(Rng& rng, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
}

// Equations without words, numbers of one to three digits.
void equation(Rng& rng, std::string& out) {
  const int64_t limit = rng.chance(0.5) ? 20 : rng.chance(0.6) ? 100 : 999;
  int64_t a = between(rng, 0, limit), b = between(rng, 0, limit);
  switch (rng.below(4)) {
    case 0:
      out += to_string(a) + " + " + to_string(b) + " = " + to_string(a + b);
      break;
    case 1:
      if (a < b) std::swap(a, b);
      out += to_string(a) + " - " + to_string(b) + " = " + to_string(a - b);
      break;
    case 2:
      a %= 13, b %= 13;
      out += to_string(a) + " * " + to_string(b) + " = " + to_string(a * b);
      break;
    default: {
      const int64_t c = between(rng, 0, 20);
      a %= 100, b %= 100;
      out += to_string(a) + " + " + to_string(b) + " + " + to_string(c) + " = " + to_string(a + b + c);
    }
  }
}

const Grammar& grammar() {
  static const Grammar rules({
      {"start", {"$who has $a $what.", "At first $who has $a $what.", "$who {begins|starts} with $a $what."}},
      {"gain",
       {"$other gives $him $b more.", "Then $he finds $b more.", "Later $he buys $b more.",
        "$he_cap picks $b more.", "Then $he gets $b more from $other."}},
      {"loss",
       {"$he_cap gives $b of them to $other.", "Then $he loses $b of them.", "Later $he sells $b of them.",
        "$he_cap needs $b of them.", "$other takes $b of them."}},
      {"now",
       {"How many $what does $who have now?", "How many $what does $he have {in the end|at last}?",
        "How many $what are left with $who?"}},
      {"groups",
       {"There are $a {boxes|bags|baskets} with $b $what in each.",
        "$who {fills|packs} $a {boxes|bags|baskets} with $b $what each.",
        "$who has $a {friends|neighbours} and gives $b $what to each."}},
      {"all", {"How many $what are there in all?", "How many $what is that {together|in all|altogether}?"}},
      {"buy",
       {"The $thing costs $a coins. $who {wants|pays for} $b of the same kind. How many coins is that?",
        "One $thing costs $a coins. How many coins do $b of them cost?"}},
      {"change",
       {"The $thing costs $a coins. $who pays with $b coins. How many coins does $he get back?",
        "$who has $b coins and buys the $thing for $a coins. How many coins does $he keep?"}},
  });
  return rules;
}

void answer(Rng& rng, std::string& out, const std::string& working, int64_t result) {
  switch (rng.below(3)) {
    case 0:
      out += "\n" + working + " = " + to_string(result) + "\nAnswer: " + to_string(result);
      break;
    case 1:
      out += "\nAnswer: " + to_string(result) + ", because " + working + " = " + to_string(result) + ".";
      break;
    default:
      out += "\nAnswer: " + to_string(result);
  }
}

Slots people_and_goods(const World& world, Rng& rng) {
  static constexpr std::array<std::string_view, 16> goods = {
      "apples",  "pears",  "plums",   "nuts",  "eggs",  "stones",  "coins",   "kites",
      "buttons", "shells", "pencils", "cakes", "books", "flowers", "marbles", "stamps"};
  const EntityId who = world.draw(Kind::person, rng);
  const bool female = world.female(who);
  return {{"who", world.name(who)},        {"other", world.name(world.related(who, Attribute::friend_of))},
          {"he", female ? "she" : "he"},   {"he_cap", female ? "She" : "He"},
          {"him", female ? "her" : "him"}, {"what", std::string(rng.pick(goods))}};
}

// One or more changes of an amount, told in sentences.
void gains_and_losses(const World& world, Rng& rng, std::string& out) {
  Slots slots = people_and_goods(world, rng);
  int64_t total = between(rng, 2, 40);
  slots.emplace_back("a", to_string(total));
  std::string working = to_string(total);
  grammar().expand("[start]", slots, rng, out);
  for (uint64_t step = 1 + rng.below(3); step > 0; --step) {
    const bool gain = total < 2 || rng.chance(0.5);
    const int64_t change = gain ? between(rng, 1, 30) : between(rng, 1, total);
    total += gain ? change : -change;
    working += (gain ? " + " : " - ") + to_string(change);
    slots.emplace_back("b", to_string(change));
    out += " ";
    grammar().expand(gain ? "[gain]" : "[loss]", slots, rng, out);
    slots.pop_back();
  }
  out += " ";
  grammar().expand("[now]", slots, rng, out);
  answer(rng, out, working, total);
}

void groups(const World& world, Rng& rng, std::string& out) {
  Slots slots = people_and_goods(world, rng);
  const int64_t a = between(rng, 2, 12), b = between(rng, 2, 12);
  slots.emplace_back("a", to_string(a));
  slots.emplace_back("b", to_string(b));
  grammar().expand("[groups] [all]", slots, rng, out);
  answer(rng, out, to_string(a) + " * " + to_string(b), a * b);
}

// Prices are the world's.
void prices(const World& world, Rng& rng, std::string& out) {
  Slots slots = people_and_goods(world, rng);
  const EntityId thing = world.draw(Kind::thing, rng);
  const int64_t price = world.number(thing, Attribute::price);
  const bool several = rng.chance(0.5);
  const int64_t b = several ? between(rng, 2, 9) : price + between(rng, 0, 40);
  slots.emplace_back("thing", world.name(thing));
  slots.emplace_back("a", to_string(price));
  slots.emplace_back("b", to_string(b));
  grammar().expand(several ? "[buy]" : "[change]", slots, rng, out);
  if (several)
    answer(rng, out, to_string(b) + " * " + to_string(price), price * b);
  else
    answer(rng, out, to_string(b) + " - " + to_string(price), b - price);
}

}  // namespace

void tell_arithmetic(const World& world, Rng& rng, std::string& out) {
  if (rng.chance(0.3)) {
    for (uint64_t lines = 6 + rng.below(10); lines > 0; --lines) {
      equation(rng, out);
      out += "\n";
    }
    out.pop_back();
    return;
  }
  for (uint64_t problems = 2 + rng.below(4); problems > 0; --problems) {
    out += "Problem: ";
    switch (rng.below(4)) {
      case 0:
        groups(world, rng, out);
        break;
      case 1:
        prices(world, rng, out);
        break;
      default:
        gains_and_losses(world, rng, out);
    }
    out += "\n\n";
  }
  out.resize(out.size() - 2);
}

}  // namespace coppice::lab
