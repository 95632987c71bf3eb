#include "lab/convert/activation_statistics.h"

#include "base/error.h"
#include "lab/nn/activation.h"

namespace coppice::lab {
namespace {

torch::Tensor unit_rows(const torch::Tensor& x) {
  return torch::nn::functional::normalize(x, torch::nn::functional::NormalizeFuncOptions().p(2).dim(-1));
}

}  // namespace

torch::Tensor hidden_neurons(const FfnWeights& ffn, const torch::Tensor& x, Activation activation) {
  const torch::Tensor up = torch::linear(x, ffn.up, ffn.up_bias);
  if (!ffn.gate.defined()) return activate(activation, up);
  return activate(activation, torch::linear(x, ffn.gate, ffn.gate_bias)) * up;
}

torch::Tensor hidden_neurons_by_cosine(const FfnWeights& ffn, const torch::Tensor& x, Activation activation) {
  const FfnWeights unit{
      .gate = ffn.gate.defined() ? unit_rows(ffn.gate) : ffn.gate, .up = unit_rows(ffn.up), .down = ffn.down};
  return hidden_neurons(unit, unit_rows(x), activation);
}

torch::Tensor top_markers(const torch::Tensor& h, int64_t count) {
  COPPICE_CHECK(count > 0 && count <= h.size(1));
  // A stable descending sort keeps equal values in the order of their index.
  const torch::Tensor order =
      std::get<1>(torch::sort(h.abs(), /*stable=*/true, /*dim=*/1, /*descending=*/true)).slice(1, 0, count);
  return torch::zeros(h.sizes(), torch::kUInt8).scatter_(1, order, 1);
}

void ActivationStatistics::add(const torch::Tensor& h) {
  const torch::Tensor wide = h.to(torch::kFloat64);
  auto accumulate = [this](torch::Tensor& total, const torch::Tensor& part) {
    total = tokens_ == 0 ? part : total + part;
  };
  accumulate(sum_, wide.sum(0));
  accumulate(absolute_, wide.abs().sum(0));
  accumulate(square_, wide.square().sum(0));
  tokens_ += h.size(0);
}

torch::Tensor ActivationStatistics::mean() const {
  return sum_ / static_cast<double>(tokens_);
}
torch::Tensor ActivationStatistics::mean_absolute() const {
  return absolute_ / static_cast<double>(tokens_);
}
torch::Tensor ActivationStatistics::root_mean_square() const {
  return (square_ / static_cast<double>(tokens_)).sqrt();
}

}  // namespace coppice::lab
