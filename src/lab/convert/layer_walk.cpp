#include "lab/convert/layer_walk.h"

#include "base/error.h"

namespace coppice::lab {

LayerWalk::LayerWalk(LanguageModel& model, const torch::Tensor& windows, int64_t chunk_tokens)
    : model_(model) {
  const torch::NoGradGuard no_grad;
  const int64_t rows = std::max<int64_t>(1, chunk_tokens / windows.size(1));
  for (const auto& chunk : windows.split(rows)) streams_.push_back(model.embed(chunk));
}

void LayerWalk::observe(const std::function<void(const torch::Tensor&)>& see) {
  const torch::NoGradGuard no_grad;
  Block& block = model_.block(layer_);
  for (const auto& stream : streams_) {
    torch::Tensor input;
    block.on_ffn_input = [&input](const torch::Tensor& x) { input = x; };
    block.forward(stream, layer_, {});
    block.on_ffn_input = nullptr;
    COPPICE_CHECK(input.defined(), "a block that never called its FFN");
    see(input.reshape({-1, input.size(-1)}));
  }
}

torch::Tensor LayerWalk::ffn_input() {
  std::vector<torch::Tensor> inputs;
  observe([&inputs](const torch::Tensor& x) { inputs.push_back(x); });
  return torch::cat(inputs);
}

void LayerWalk::advance() {
  const torch::NoGradGuard no_grad;
  for (auto& stream : streams_) stream = model_.block(layer_).forward(stream, layer_, {});
  ++layer_;
}

}  // namespace coppice::lab
