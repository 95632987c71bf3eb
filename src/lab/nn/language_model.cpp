#include "lab/nn/language_model.h"

#include <algorithm>
#include <cmath>

#include "lab/nn/linear.h"
#include "lab/nn/norm.h"
#include "lab/nn/tracing.h"

namespace coppice::lab {
namespace {

bool ends_a_residual_branch(const std::string& name) {
  return name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
}

bool has_sandwich_norms(const ModelSpec& spec) {
  return std::ranges::all_of(spec.blocks,
                             [](const BlockSpec& block) { return block.norms == NormPlacement::sandwich; });
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
  const auto vector_of_head = [this](int64_t rows) {
    const auto known = named_children().find("lm_head");
    const auto owner = known != nullptr ? *known : register_module("lm_head", std::make_shared<Group>());
    return owner->register_parameter("bias", torch::zeros({rows}));
  };
  const auto body = register_module("model", std::make_shared<Group>());
  embedding_ = matrix(*body, "embed_tokens", spec.vocabulary, spec.width);
  if (spec.learned_positions)
    positions_ = matrix(*body, "embed_positions", spec.context + spec.position_offset, spec.width);
  const auto layers = body->register_module("layers", std::make_shared<Group>());
  for (size_t i = 0; i < spec.blocks.size(); ++i)
    blocks_.push_back(
        layers->register_module(std::to_string(i), std::make_shared<Block>(spec.blocks[i], spec)));
  norm_ = body->register_module("norm", std::make_shared<Norm>(spec.norm, spec.width, spec.norm_epsilon));
  head_ = spec.tied_embeddings ? embedding_ : matrix(*this, "lm_head", spec.vocabulary, spec.width);
  if (spec.head_bias) head_bias_ = vector_of_head(spec.vocabulary);

  if (has_sandwich_norms(spec)) {
    depth_scaled_start(*this);
    return;
  }
  const torch::NoGradGuard no_gradient;
  for (auto& entry : named_parameters())
    if (ends_a_residual_branch(entry.key()))
      entry.value().div_(std::sqrt(2.0 * static_cast<double>(spec.blocks.size())));
}

void depth_scaled_start(LanguageModel& model, const DepthScaledStart& start) {
  if (!has_sandwich_norms(model.spec()))
    throw Error({.where = "depth-scaled start",
                 .found = "blocks without norms behind mixers and feed-forwards",
                 .expected = "norms 'sandwich' in every block"});
  if (!(start.mixer_gain >= 0 && start.ffn_gain >= 0))
    throw Error({.where = "depth-scaled start",
                 .found = fmt::format("gains {} and {}", start.mixer_gain, start.ffn_gain),
                 .expected = "numbers not below 0"});
  const torch::NoGradGuard no_gradient;
  const auto layers = static_cast<double>(model.layers()), width = static_cast<double>(model.spec().width);
  const NormNames names = norm_names(NormPlacement::sandwich);
  for (auto& entry : model.named_parameters()) {
    const std::string& name = entry.key();
    if (!name.starts_with("model.layers.")) continue;
    if (entry.value().dim() == 2) entry.value().normal_(0, std::sqrt(1 / (2 * width * layers)));
    if (name.ends_with(names.mixer_output + ".weight"))
      entry.value().fill_(start.mixer_gain / std::sqrt(layers));
    if (name.ends_with(names.ffn_output + ".weight")) entry.value().fill_(start.ffn_gain / std::sqrt(layers));
  }
}

torch::Tensor LanguageModel::embed(const torch::Tensor& ids) const {
  const torch::Tensor x = torch::embedding(embedding_, ids);
  if (!spec_.learned_positions) return x;
  return x + positions_.narrow(0, spec_.position_offset, ids.size(1));
}

torch::Tensor LanguageModel::forward(const torch::Tensor& ids, const TraceSink& trace) {
  const auto named = [&trace](const char* name, const torch::Tensor& value) {
    if (trace) report(trace, name, value);
    return value;
  };
  torch::Tensor x = named("embedding", embed(ids));
  for (size_t i = 0; i < blocks_.size(); ++i) x = blocks_[i]->forward(x, static_cast<int64_t>(i), trace);
  x = named("norm", norm_->forward(x));
  return named("logits", torch::linear(x, head_, head_bias_));
}

}  // namespace coppice::lab
