#pragma once

#include "lab/world/grammar.h"

namespace coppice::lab {

// The rules of stories, in children's English. Slots: the hero ($hero $he $his $him $hero_is), a friend
// ($friend $fhe $fhis $fhim), an animal ($pet $species), a thing ($thing $object $paint), places ($home
// $away), $food, $colour, $hobby, $age, $trick and the number $n.
const Grammar& story_grammar();

}  // namespace coppice::lab
