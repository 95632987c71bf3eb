#pragma once
// A domain tells documents about a world: each is one file below domains/ and one line of the registry.
// Documents are ASCII; every statement of fact in them agrees with the world.

#include <string>

#include "base/registry.h"
#include "base/rng.h"
#include "lab/world/world.h"

namespace coppice::lab {

struct Domain {
  std::string summary;
  // Appends one document, without a final newline.
  void (*tell)(const World& world, Rng& rng, std::string& out);
};

const Registry<Domain>& domains();

void tell_story(const World& world, Rng& rng, std::string& out);
void tell_record(const World& world, Rng& rng, std::string& out);
void tell_arithmetic(const World& world, Rng& rng, std::string& out);
void tell_code(const World& world, Rng& rng, std::string& out);
void tell_law(const World& world, Rng& rng, std::string& out);
void tell_dialogue(const World& world, Rng& rng, std::string& out);

}  // namespace coppice::lab
