#pragma once
// Size and seed of a world, and the splits of its text; free of everything that the command line need not
// load.

#include <cstdint>

#include "base/fields.h"

namespace coppice::lab {

// Train and test texts of a world share no document: their documents have disjoint seeds, and of equal
// documents that chance may still give, all belong to the same split, the test split if the text's hash is
// divisible by four.
enum class Split { train, test };

struct WorldOptions {
  uint64_t seed = 0;
  int64_t people = 160, places = 24, animals = 80, things = 120, shops = 40;
  double zipf = 0.8;

  static void fields(auto& self, auto&& field) {
    const auto count = [](const char* help) {
      return Field{.help = help, .min = 8, .max = 100000, .value_name = "N"};
    };
    field("world_seed", self.seed,
          Field{.help = "seed of the world and all its facts", .min = 0, .value_name = "N"});
    field("people", self.people, count("people in the world"));
    field("places", self.places, count("villages, towns and other places"));
    field("animals", self.animals, count("animals, each owned by somebody"));
    field("things", self.things, count("named things, each owned by somebody"));
    field("shops", self.shops, count("shops"));
    field("zipf", self.zipf,
          Field{.help = "exponent of popularity: how much oftener the best-known entities are told of",
                .min = 0,
                .max = 3});
  }
};

}  // namespace coppice::lab

template <>
struct coppice::EnumNames<coppice::lab::Split> {
  static constexpr auto values = std::to_array<std::pair<coppice::lab::Split, const char*>>(
      {{coppice::lab::Split::train, "train"}, {coppice::lab::Split::test, "test"}});
};
