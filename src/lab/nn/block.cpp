#include "lab/nn/attention.h"
#include "lab/nn/language_model.h"
#include "lab/nn/rms_norm.h"
#include "lab/nn/tracing.h"

namespace coppice::lab {

struct Block::Parts {
  std::shared_ptr<RmsNorm> mixer_norm, ffn_norm;
  std::shared_ptr<Attention> mixer;
};

Block::Block(const BlockSpec& spec, const ModelSpec& model) : parts_(std::make_shared<Parts>()) {
  const auto norm = [&model] { return std::make_shared<RmsNorm>(model.width, model.norm_epsilon); };
  parts_->mixer_norm = register_module("input_layernorm", norm());
  parts_->mixer = register_module(
      "self_attn", std::make_shared<Attention>(std::get<AttentionSpec>(spec.mixer), model.width));
  parts_->ffn_norm = register_module("post_attention_layernorm", norm());
  ffn = register_module("mlp", make_ffn(spec.ffn, model.width));
}

void Block::set_ffn(std::shared_ptr<FeedForward> replacement) {
  ffn = replace_module("mlp", std::move(replacement));
}

torch::Tensor Block::forward(torch::Tensor x, int64_t layer, const TraceSink& trace) {
  const auto named = [&](const char* name, const torch::Tensor& value) {
    if (trace) report(trace, fmt::format("layers.{}.{}", layer, name), value);
    return value;
  };
  const torch::Tensor mixer_input = named("mixer_norm", parts_->mixer_norm->forward(x));
  x = x + named("mixer", parts_->mixer->forward(mixer_input));

  const torch::Tensor ffn_input = named("ffn_norm", parts_->ffn_norm->forward(x));
  if (on_ffn_input) on_ffn_input(ffn_input);
  const torch::Tensor ffn_output = ffn->forward(ffn_input);
  if (ffn->routing() != nullptr) named("router.logits", ffn->routing()->logits);
  x = x + named("ffn", ffn_output);

  return named("output", x);
}

}  // namespace coppice::lab
