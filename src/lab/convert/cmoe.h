#pragma once
// CMoE's carving of one feed-forward into an always-active part and routed experts (cmoe.cpp).

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "base/fields.h"
#include "base/rng.h"
#include "lab/convert/neuron_sets.h"
#include "lab/convert/representatives.h"

namespace coppice::lab {

enum class CarvePartition { cluster, random };
enum class CarveShare { rate, random, none };
enum class CarveRouter { neurons, random };

struct Carving {
  NeuronSet shared;
  std::vector<NeuronSet> routed;
  NeuronSet representatives;  // one neuron of each routed set
};

struct CarveShape {
  int64_t experts = 8;  // of equal width, shared ones included; divides the neurons
  int64_t shared = 1;   // of them always active; fewer than experts
  CarvePartition partition = CarvePartition::cluster;
  CarveShare share = CarveShare::rate;
  MarkerDistance distance = MarkerDistance::cosine;
  int64_t iterations = 1;
};

// markers: [tokens, neurons] of 0 and 1.
Carving carve(const torch::Tensor& markers, const CarveShape& shape, Rng& rng);

}  // namespace coppice::lab

namespace coppice {

template <>
struct EnumNames<lab::CarvePartition> {
  static constexpr auto values = std::to_array<std::pair<lab::CarvePartition, const char*>>(
      {{lab::CarvePartition::cluster, "cluster"}, {lab::CarvePartition::random, "random"}});
};
template <>
struct EnumNames<lab::CarveShare> {
  static constexpr auto values =
      std::to_array<std::pair<lab::CarveShare, const char*>>({{lab::CarveShare::rate, "rate"},
                                                              {lab::CarveShare::random, "random"},
                                                              {lab::CarveShare::none, "none"}});
};
template <>
struct EnumNames<lab::CarveRouter> {
  static constexpr auto values = std::to_array<std::pair<lab::CarveRouter, const char*>>(
      {{lab::CarveRouter::neurons, "neurons"}, {lab::CarveRouter::random, "random"}});
};

}  // namespace coppice
