#pragma once
// The shelf of conversion methods.

#include "base/registry.h"
#include "lab/convert/converter.h"

namespace coppice::lab {

const Registry<Converter>& converters();

Converter copy_converter();          // copy.cpp
Converter words_converter();         // words.cpp
Converter split_random_converter();  // split.cpp
Converter split_cluster_converter();
Converter cmoe_converter();             // cmoe.cpp
Converter prune_magnitude_converter();  // prune.cpp
Converter prune_activation_converter();
Converter prune_learned_converter();  // tomoe.cpp
Converter tomoe_converter();

}  // namespace coppice::lab
