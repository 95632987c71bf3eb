#include "lab/nn/language_model.h"

#include <cmath>

#include "lab/nn/linear.h"
#include "lab/nn/rms_norm.h"
#include "lab/nn/tracing.h"

namespace coppice::lab {
namespace {

bool ends_a_residual_branch(const std::string& name) {
  return name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
}

}  // namespace

void report(const TraceSink& trace, const std::string& name, const torch::Tensor& value) {
  const torch::Tensor plain = value.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const int64_t width = plain.size(-1);
  trace(name, plain.numel() / width, width, plain.data_ptr<float>());
}

LanguageModel::LanguageModel(const ModelSpec& spec) : spec_(spec) {
  validate(spec, "model");
  const auto matrix = [](torch::nn::Module& owner, const char* name, int64_t rows, int64_t columns) {
    return owner.register_module(name, std::make_shared<Group>())
        ->register_parameter("weight", new_weight(rows, columns));
  };
  const auto body = register_module("model", std::make_shared<Group>());
  embedding_ = matrix(*body, "embed_tokens", spec.vocabulary, spec.width);
  const auto layers = body->register_module("layers", std::make_shared<Group>());
  for (size_t i = 0; i < spec.blocks.size(); ++i)
    blocks_.push_back(
        layers->register_module(std::to_string(i), std::make_shared<Block>(spec.blocks[i], spec)));
  norm_ = body->register_module("norm", std::make_shared<RmsNorm>(spec.width, spec.norm_epsilon))->weight;
  head_ = spec.tied_embeddings ? embedding_ : matrix(*this, "lm_head", spec.vocabulary, spec.width);

  const torch::NoGradGuard no_gradient;
  for (auto& entry : named_parameters())
    if (ends_a_residual_branch(entry.key()))
      entry.value().div_(std::sqrt(2.0 * static_cast<double>(spec.blocks.size())));
}

torch::Tensor LanguageModel::forward(const torch::Tensor& ids, const TraceSink& trace) {
  const auto named = [&trace](const char* name, const torch::Tensor& value) {
    if (trace) report(trace, name, value);
    return value;
  };
  torch::Tensor x = named("embedding", torch::embedding(embedding_, ids));
  for (size_t i = 0; i < blocks_.size(); ++i) x = blocks_[i]->forward(x, static_cast<int64_t>(i), trace);
  x = named("norm", rms_norm(x, norm_, spec_.norm_epsilon));
  return named("logits", torch::linear(x, head_));
}

}  // namespace coppice::lab
