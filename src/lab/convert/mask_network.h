#pragma once
// What ToMoE trains: a hypernetwork that gives every expert of every layer an embedding, and per layer a router and a
// decoder from embeddings to masks over the layer's neurons (Gao et al. 2025; tomoe.cpp has the formulas).

#include <memory>
#include <vector>

#include <torch/torch.h>

#include "base/rng.h"

namespace coppice::lab {

inline constexpr double mask_temperature = 0.4;
inline constexpr double mask_offset = 3.0;  // masks begin almost all on

// Router and mask decoder of one layer.
class MaskLayer : public torch::nn::Module {
 public:
  MaskLayer(int64_t width, int64_t neurons, int64_t experts, Rng& rng);

  torch::Tensor router_logits(const torch::Tensor& x) const;  // [rows, width] -> [rows, experts]
  torch::Tensor mask_logits(const torch::Tensor& embedding);  // [any, 128] -> [any, neurons]; offset added
  const torch::Tensor& router() const { return router_; }
  int64_t neurons() const { return decoder_.size(0); }

 private:
  torch::Tensor router_, decoder_;
  torch::nn::LayerNorm norm_{nullptr};
};

class MaskNetwork : public torch::nn::Module {
 public:
  static constexpr int64_t input_width = 32, embedding_width = 128;

  struct Shape {
    int64_t width, experts;
    std::vector<int64_t> neurons;  // of each layer
  };
  MaskNetwork(const Shape& shape, uint64_t seed);

  torch::Tensor embeddings();  // [layers, experts, 128], by a bidirectional GRU over the layers
  MaskLayer& layer(int64_t index) { return *layers_.at(static_cast<size_t>(index)); }
  int64_t layers() const { return static_cast<int64_t>(layers_.size()); }

 private:
  torch::Tensor inputs_;  // [layers, experts, 32], fixed
  torch::nn::GRU gru_{nullptr};
  std::vector<std::shared_ptr<MaskLayer>> layers_;
};

}  // namespace coppice::lab
