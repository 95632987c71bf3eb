#include "model/module_activation.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/registry.h"

namespace coppice {
namespace {

const Registry<ModuleActivation>& modules() {
  static const Registry<ModuleActivation> all(
      "activation function", {{"torch.nn.modules.linear.Identity", ModuleActivation::identity},
                              {"torch.nn.modules.activation.Tanh", ModuleActivation::tanh},
                              {"torch.nn.modules.activation.GELU", ModuleActivation::gelu},
                              {"torch.nn.modules.activation.ReLU", ModuleActivation::relu},
                              {"torch.nn.modules.activation.SiLU", ModuleActivation::silu},
                              {"torch.nn.modules.activation.Sigmoid", ModuleActivation::sigmoid}});
  return all;
}

}  // namespace

double activate(ModuleActivation activation, double x) {
  switch (activation) {
    case ModuleActivation::identity:
      return x;
    case ModuleActivation::tanh:
      return std::tanh(x);
    case ModuleActivation::gelu:
      return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
    case ModuleActivation::relu:
      return std::max(0.0, x);
    case ModuleActivation::silu:
      return x / (1 + std::exp(-x));
    case ModuleActivation::sigmoid:
      return 1 / (1 + std::exp(-x));
  }
  return x;
}

ModuleActivation parse_module(const std::string& name, const std::string& where) {
  return modules().get(name, where, Fault::input);
}

std::string module_of(ModuleActivation activation) {
  for (const auto& [name, known] : modules())
    if (known == activation) return name;
  return "";
}

}  // namespace coppice
