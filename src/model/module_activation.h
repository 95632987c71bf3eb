#pragma once
// Activation functions that sentence-transformers names by the torch module: behind a dense stage, or behind the logit of a
// cross-encoder.

#include <string>

#include "base/fields.h"

namespace coppice {

enum class ModuleActivation { identity, tanh, gelu, relu, silu, sigmoid };

template <>
struct EnumNames<ModuleActivation> {
  static constexpr auto values =
      std::to_array<std::pair<ModuleActivation, const char*>>({{ModuleActivation::identity, "identity"},
                                                               {ModuleActivation::tanh, "tanh"},
                                                               {ModuleActivation::gelu, "gelu"},
                                                               {ModuleActivation::relu, "relu"},
                                                               {ModuleActivation::silu, "silu"},
                                                               {ModuleActivation::sigmoid, "sigmoid"}});
};

double activate(ModuleActivation activation, double x);

// From and to the name of a torch module, as files have it.
ModuleActivation parse_module(const std::string& name, const std::string& where);
std::string module_of(ModuleActivation activation);

}  // namespace coppice
