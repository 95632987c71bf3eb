#include "lab/route/router.h"

#include "lab/nn/activation.h"
#include "lab/route/stages.h"

namespace coppice::lab {

Router::Router(const MoeSpec& moe, int64_t width)
    : spec_(moe.router),
      activation_(moe.activation),
      experts_(moe.experts()),
      top_k_(moe.top_k),
      word_experts_(moe.router.word_blocks) {
  const int64_t experts = moe.experts();
  switch (spec_.source) {
    case RouterSource::linear:
      weight_ = register_parameter("weight", new_weight(experts, width));
      break;
    case RouterSource::mlp_tanh:
      first_ = register_module("hidden", std::make_shared<Linear>(width, experts));
      second_ = register_module("output", std::make_shared<Linear>(experts, experts));
      break;
    case RouterSource::neurons:
      first_ = register_module("gate", std::make_shared<Linear>(width, experts));
      second_ = register_module("up", std::make_shared<Linear>(width, experts));
      break;
    case RouterSource::sparsity:
    case RouterSource::word:
      break;
  }
  if (spec_.score == RouterScore::relu_norm)
    norm_ = register_module("norm", std::make_shared<Norm>(NormKind::rms, experts, spec_.norm_epsilon));
  // Both begin where every expert counts alike.
  if (spec_.weight == ExpertWeight::one_plus) scale_ = register_parameter("scale", torch::zeros({experts}));
  if (spec_.weight == ExpertWeight::scaled) scale_ = register_parameter("scale", torch::ones({experts}));
  if (spec_.selection_bias) selection_bias = register_buffer("selection_bias", torch::zeros({experts}));
}

torch::Tensor Router::logits(const torch::Tensor& x) const {
  switch (spec_.source) {
    case RouterSource::mlp_tanh:
      return second_->forward(torch::tanh(first_->forward(x)));
    case RouterSource::neurons:
      return (second_->forward(x) * activate(activation_, first_->forward(x))).abs();
    case RouterSource::sparsity:
      COPPICE_CHECK(!up_projections.empty(), "a router that has seen its experts");
      return expected_sparsity(x, up_projections);
    case RouterSource::word:
      COPPICE_CHECK(false, "a router by words has no logits");
    case RouterSource::linear:
      break;
  }
  return torch::linear(x, weight_);
}

Routing Router::of_words(const torch::Tensor& x, const torch::Tensor& words) const {
  const int64_t given = words.defined() ? words.numel() : 0;
  if (given != x.size(0))
    throw Error({.where = "router",
                 .found = fmt::format("{} routing ids", given),
                 .expected = fmt::format("one for each of {} tokens", x.size(0))});
  const torch::Tensor ids = words.to(torch::kInt64).contiguous();
  const torch::Tensor experts = torch::empty({given, 1}, torch::kInt64);
  for (int64_t i = 0; i < given; ++i)
    experts.data_ptr<int64_t>()[i] = word_experts_.expert(ids.data_ptr<int64_t>()[i]);
  return {.expert_count = experts_, .experts = experts, .weights = torch::ones({given, 1}, x.options())};
}

Routing Router::forward(const torch::Tensor& x, const torch::Tensor& words) const {
  if (spec_.source == RouterSource::word) return of_words(x, words);
  Routing routing{.expert_count = experts_};
  routing.logits = logits(x);
  routing.scores = router_scores(spec_, routing.logits, norm_ == nullptr ? torch::Tensor() : norm_->weight);
  routing.experts = select_experts(routing.scores, selection_bias, top_k_, spec_);
  routing.weights = expert_weights(spec_, routing.scores, routing.experts, scale_);
  return routing;
}

}  // namespace coppice::lab
