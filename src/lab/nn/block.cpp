#include "lab/nn/attention.h"
#include "lab/nn/cross_attention.h"
#include "lab/nn/language_model.h"
#include "lab/nn/mixer.h"
#include "lab/nn/norm.h"
#include "lab/nn/tracing.h"

namespace coppice::lab {

struct Block::Parts {
  NormPlacement placement = NormPlacement::pre;
  std::shared_ptr<Norm> mixer_norm, ffn_norm, mixer_output_norm, ffn_output_norm;
  std::shared_ptr<Mixer> mixer;
  std::shared_ptr<Norm> cross_norm;
  std::shared_ptr<CrossAttention> cross;  // nullptr: none
};

Block::Block(const BlockSpec& spec, const ModelSpec& model)
    : spec_(spec), residual_scale_(model.residual_scale), parts_(std::make_shared<Parts>()) {
  const auto norm = [&](const std::string& name) -> std::shared_ptr<Norm> {
    if (name.empty()) return nullptr;
    return register_module(
        name, std::make_shared<Norm>(model.norm, model.width, model.norm_epsilon, model.norm_bias));
  };
  const NormNames names = norm_names(spec.norms);
  parts_->placement = spec.norms;
  if (spec.mixer_norm) parts_->mixer_norm = norm(names.mixer);
  const NamedMixer mixer = make_mixer(spec.mixer, model.width, model.norm_epsilon);
  parts_->mixer = register_module(mixer.name, mixer.mixer);
  parts_->mixer_output_norm = norm(names.mixer_output);
  if (spec.cross_attention) {
    parts_->cross_norm = norm("cross_attention_layernorm");
    parts_->cross =
        register_module("cross_attn", std::make_shared<CrossAttention>(*spec.cross_attention, model.width));
  }
  parts_->ffn_norm = norm(names.ffn);
  ffn = register_module("mlp", make_ffn(spec.ffn, model.width));
  parts_->ffn_output_norm = norm(names.ffn_output);
}

void Block::set_ffn(std::shared_ptr<FeedForward> replacement) {
  ffn = replace_module("mlp", std::move(replacement));
}

void Block::join(const Block& first, size_t index, const std::string& stack) {
  stack_ = stack;
  const auto* attention = std::get_if<AttentionSpec>(&spec_.mixer);
  if (attention == nullptr || attention->relative_bias.buckets == 0) return;
  auto& own = dynamic_cast<Attention&>(*parts_->mixer);
  if (has_bias_table(spec_, index))
    own.own_relative_bias();
  else
    own.share_relative_bias(dynamic_cast<const Attention&>(*first.parts_->mixer));
}

torch::Tensor Block::forward(torch::Tensor x, int64_t layer, const TraceSink& trace,
                             const BlockContext& context) {
  const auto named = [&](const char* name, const torch::Tensor& value) {
    if (trace) report(trace, fmt::format("{}layers.{}.{}", stack_, layer, name), value);
    return value;
  };
  const auto norm_mixer = [&](const torch::Tensor& y) {
    return named("mixer_norm", parts_->mixer_norm->forward(y));
  };
  const auto norm_ffn = [&](const torch::Tensor& y) {
    return named("ffn_norm", parts_->ffn_norm->forward(y));
  };
  const auto mix = [&](const torch::Tensor& input) {
    return named("mixer", parts_->mixer->forward(input, context.lengths));
  };
  const auto feed = [&](const torch::Tensor& input) {
    if (on_ffn_input) on_ffn_input(input);
    const torch::Tensor output = ffn->forward(input, context.words);
    if (const Routing* routing = ffn->routing()) {
      if (routing->logits.defined())
        named("router.logits", routing->logits);
      else
        named("router.expert", routing->experts);
    }
    return named("ffn", output);
  };
  const auto scaled = [&](const torch::Tensor& y) { return residual_scale_ == 1 ? y : y * residual_scale_; };
  switch (parts_->placement) {
    case NormPlacement::pre:
      x = x + scaled(mix(parts_->mixer_norm == nullptr ? x : norm_mixer(x)));
      if (parts_->cross != nullptr)
        x = x +
            scaled(named("cross", parts_->cross->forward(named("cross_norm", parts_->cross_norm->forward(x)),
                                                         context.source)));
      x = x + scaled(feed(norm_ffn(x)));
      break;
    case NormPlacement::post:
      x = x + scaled(norm_mixer(mix(x)));
      x = x + scaled(norm_ffn(feed(x)));
      break;
    case NormPlacement::parallel: {
      const torch::Tensor input = norm_mixer(x);
      x = x + scaled(mix(input));
      x = x + scaled(feed(input));
      break;
    }
    case NormPlacement::post_sum:
      x = norm_mixer(x + scaled(mix(x)));
      x = norm_ffn(x + scaled(feed(x)));
      break;
    case NormPlacement::sandwich:
      x = x + scaled(named("mixer_output_norm", parts_->mixer_output_norm->forward(mix(norm_mixer(x)))));
      x = x + scaled(named("ffn_output_norm", parts_->ffn_output_norm->forward(feed(norm_ffn(x)))));
      break;
  }
  return named("output", x);
}

}  // namespace coppice::lab
