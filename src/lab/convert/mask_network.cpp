#include "lab/convert/mask_network.h"

#include <cmath>

#include "lab/convert/ffn_tensors.h"

namespace coppice::lab {
namespace {

// Uniform in +-1/sqrt(inputs), what linear and recurrent layers usually begin with.
torch::Tensor uniform_weight(int64_t rows, int64_t columns, Rng& rng) {
  torch::Tensor weight = torch::empty({rows, columns});
  const double bound = 1 / std::sqrt(static_cast<double>(columns));
  float* values = weight.data_ptr<float>();
  for (int64_t i = 0; i < weight.numel(); ++i) values[i] = static_cast<float>(rng.uniform(-bound, bound));
  return weight;
}

}  // namespace

MaskLayer::MaskLayer(int64_t width, int64_t neurons, int64_t experts, Rng& rng) {
  router_ = register_parameter("router", uniform_weight(experts, width, rng));
  decoder_ = register_parameter("decoder", uniform_weight(neurons, MaskNetwork::embedding_width, rng));
  norm_ = register_module("norm",
                          torch::nn::LayerNorm(torch::nn::LayerNormOptions({MaskNetwork::embedding_width})));
}

torch::Tensor MaskLayer::router_logits(const torch::Tensor& x) const {
  return torch::linear(x, router_);
}

torch::Tensor MaskLayer::mask_logits(const torch::Tensor& embedding) {
  return torch::linear(torch::gelu(norm_->forward(embedding)), decoder_) + mask_offset;
}

MaskNetwork::MaskNetwork(const Shape& shape, uint64_t seed) {
  Rng rng = Rng(seed).fork("mask network");
  const auto layers = static_cast<int64_t>(shape.neurons.size());
  inputs_ = register_buffer("inputs", normal_tensor({layers, shape.experts, input_width}, 1.0, rng));
  gru_ = register_module(
      "gru", torch::nn::GRU(torch::nn::GRUOptions(input_width, embedding_width / 2).bidirectional(true)));
  const torch::NoGradGuard no_grad;
  for (auto& parameter : gru_->parameters()) {
    // Every GRU parameter is drawn by the state's width, 64.
    const torch::Tensor drawn =
        uniform_weight(parameter.numel() / (embedding_width / 2) + 1, embedding_width / 2, rng);
    parameter.copy_(drawn.flatten().slice(0, 0, parameter.numel()).view_as(parameter));
  }
  for (int64_t layer = 0; layer < layers; ++layer)
    layers_.push_back(
        register_module("layer" + std::to_string(layer),
                        std::make_shared<MaskLayer>(shape.width, shape.neurons[static_cast<size_t>(layer)],
                                                    shape.experts, rng)));
}

torch::Tensor MaskNetwork::embeddings() {
  return std::get<0>(gru_->forward(inputs_));
}

}  // namespace coppice::lab
