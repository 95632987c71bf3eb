// Structured neuron pruning: the static baselines that a conversion must beat at the same active budget. Each FFN keeps
// the round(active * d_ff) neurons of highest score, in every layer the same number, and stays a dense Llama FFN.
//
// prune-magnitude, from weights alone (g_i, u_i rows of gate and up, d_i column of down):
//   product  |g_i| |u_i| |d_i|: bounds the neuron's part in the output, which is a product of the three
//   group    |g_i|^2 + |u_i|^2 + |d_i|^2: the group norm of DepGraph (Fang et al. 2023) and LLM-Pruner's L2
// prune-activation, from calibration tokens, later layers seeing the pruned earlier ones:
//   wanda        sqrt(mean h_i^2) |d_i|: Wanda (Sun et al. 2024) summed over a neuron's column
//   mean         mean |h_i| |d_i|
//   fluctuation  var(h_i) |d_i|^2: FLAP (An et al. 2024), made for compensate=true
// compensate adds what the removed neurons give on average as a bias of the down projection, as FLAP does.

#include "lab/convert/activation_statistics.h"
#include "lab/convert/converters.h"
#include "lab/convert/ffn_tensors.h"
#include "lab/convert/layer_walk.h"
#include "lab/convert/parity.h"

namespace coppice {
namespace lab {

enum class MagnitudeScore { product, group };
enum class ActivationScore { wanda, mean, fluctuation };

struct MagnitudeOptions {
  MagnitudeScore score = MagnitudeScore::product;
  static void fields(auto& self, auto&& field) {
    field("score", self.score, Field{.help = "what the norms of a neuron's weights are made into"});
  }
};

struct ActivationOptions {
  ActivationScore score = ActivationScore::wanda;
  bool compensate = false;
  int64_t windows = 128;

  static void fields(auto& self, auto&& field) {
    field("score", self.score, Field{.help = "importance of a neuron on calibration text"});
    field("compensate", self.compensate, Field{.help = "add the removed neurons' mean output as a bias"});
    field("windows", self.windows, Field{.help = "calibration windows; 128 as in Wanda", .min = 1});
  }
};

}  // namespace lab

template <>
struct EnumNames<lab::MagnitudeScore> {
  static constexpr auto values = std::to_array<std::pair<lab::MagnitudeScore, const char*>>(
      {{lab::MagnitudeScore::product, "product"}, {lab::MagnitudeScore::group, "group"}});
};
template <>
struct EnumNames<lab::ActivationScore> {
  static constexpr auto values = std::to_array<std::pair<lab::ActivationScore, const char*>>(
      {{lab::ActivationScore::wanda, "wanda"},
       {lab::ActivationScore::mean, "mean"},
       {lab::ActivationScore::fluctuation, "fluctuation"}});
};

namespace lab {
namespace {

// The neurons that a layer keeps.
int64_t kept_width(const ConversionInput& input, int64_t layer) {
  return nearest_units(input.active, dense_ffn(input.spec, layer).width);
}

// Puts the narrower FFN of one layer into the result.
void prune_layer(Conversion& result, const ConversionInput& input, int64_t layer, const FfnWeights& pruned) {
  DenseFfnSpec narrow = dense_ffn(input.spec, layer);
  narrow.width = pruned.neurons();
  narrow.bias = pruned.down_bias.defined();
  result.spec.blocks[static_cast<size_t>(layer)].ffn = narrow;
  erase_ffn(result.state, ffn_prefix(layer));
  put_ffn(result.state, ffn_prefix(layer), pruned);
}

// Masking the removed neurons of the dense model gives the same logits as cutting them out.
ParityClaim prove_cut(const ConversionInput& input, const Conversion& result,
                      const std::vector<NeuronSet>& kept) {
  StateDict masked = input.state;
  for (size_t layer = 0; layer < kept.size(); ++layer) {
    const std::string prefix = ffn_prefix(static_cast<int64_t>(layer));
    FfnWeights ffn = ffn_at(input.state, prefix);
    const torch::Tensor mask =
        torch::zeros({ffn.neurons()}).index_fill_(0, torch::tensor(kept[layer], torch::kInt64), 1);
    ffn.down = ffn.down * mask;
    if (const auto bias = result.state.find(prefix + ".down_proj.bias"); bias != result.state.end()) {
      ffn.down_bias = bias->second;
      for (torch::Tensor* other : {&ffn.gate_bias, &ffn.up_bias})
        if (!other->defined() && (other == &ffn.up_bias || ffn.gate.defined()))
          *other = torch::zeros({ffn.neurons()});
    }
    put_ffn(masked, prefix, ffn);
  }
  ModelSpec spec = input.spec;
  for (size_t i = 0; i < spec.blocks.size(); ++i)
    std::get<DenseFfnSpec>(spec.blocks[i].ffn).bias = std::get<DenseFfnSpec>(result.spec.blocks[i].ffn).bias;
  const auto zeroed = make_model(spec, masked), cut = make_model(result.spec, result.state);
  return same_logits("logits of the cut model equal those of the dense model with the removed neurons zeroed",
                     *zeroed, *cut, input.text.windows());
}

torch::Tensor magnitude_scores(const FfnWeights& ffn, MagnitudeScore score) {
  std::vector<torch::Tensor> norms = {ffn.up.norm(2, 1), ffn.down.norm(2, 0)};
  if (ffn.gate.defined()) norms.push_back(ffn.gate.norm(2, 1));
  const torch::Tensor stacked = torch::stack(norms).to(torch::kFloat64);
  return score == MagnitudeScore::product ? stacked.log().sum(0) : stacked.square().sum(0);
}

Conversion prune_by_magnitude(const ConversionInput& input, const MagnitudeOptions& options) {
  const torch::NoGradGuard no_grad;
  Conversion result{.spec = input.spec, .state = input.state};
  std::vector<NeuronSet> kept;
  for (int64_t layer = 0; layer < static_cast<int64_t>(input.spec.blocks.size()); ++layer) {
    const FfnWeights ffn = ffn_at(input.state, ffn_prefix(layer));
    kept.push_back(top_neurons(magnitude_scores(ffn, options.score), kept_width(input, layer)));
    prune_layer(result, input, layer, ffn.slice(kept.back()));
  }
  result.parity.push_back(prove_cut(input, result, kept));
  return result;
}

// What one layer's neurons do: their score, and their mean activation for compensation.
struct LayerScores {
  torch::Tensor score, mean;  // [neurons] float64
};

LayerScores activation_scores(LayerWalk& walk, const FfnWeights& ffn, Activation activation,
                              ActivationScore score) {
  ActivationStatistics statistics;
  walk.observe([&](const torch::Tensor& x) { statistics.add(hidden_neurons(ffn, x, activation)); });
  const torch::Tensor length = ffn.down.norm(2, 0).to(torch::kFloat64), rms = statistics.root_mean_square();
  switch (score) {
    case ActivationScore::wanda:
      return {rms * length, statistics.mean()};
    case ActivationScore::mean:
      return {statistics.mean_absolute() * length, statistics.mean()};
    case ActivationScore::fluctuation:
      return {(rms.square() - statistics.mean().square()) * length.square(), statistics.mean()};
  }
  COPPICE_CHECK(false, "an unknown score");
}

// The output bias that stands for the removed neurons, with zeros where the other projections had no bias.
void compensate(FfnWeights& pruned, const FfnWeights& ffn, const torch::Tensor& mean, const NeuronSet& kept) {
  torch::Tensor removed = mean.clone();
  removed.index_fill_(0, torch::tensor(kept, torch::kInt64), 0);
  const torch::Tensor bias = ffn.down.to(torch::kFloat64).matmul(removed).to(torch::kFloat32);
  pruned.down_bias = pruned.down_bias.defined() ? pruned.down_bias + bias : bias;
  if (!pruned.up_bias.defined()) pruned.up_bias = torch::zeros({pruned.neurons()});
  if (!pruned.gate_bias.defined() && pruned.gate.defined())
    pruned.gate_bias = torch::zeros({pruned.neurons()});
}

Conversion prune_by_activation(const ConversionInput& input, const ActivationOptions& options) {
  const torch::NoGradGuard no_grad;
  Rng rng = Rng(input.seed).fork("windows");
  const auto model = make_model(input.spec, input.state);
  LayerWalk walk(*model, input.text.sample(options.windows, rng));
  Conversion result{.spec = input.spec, .state = input.state};
  std::vector<NeuronSet> kept;
  for (; !walk.done(); walk.advance()) {
    const int64_t layer = walk.layer();
    const FfnWeights ffn = ffn_at(input.state, ffn_prefix(layer));
    const LayerScores scores =
        activation_scores(walk, ffn, dense_ffn(input.spec, layer).activation, options.score);
    kept.push_back(top_neurons(scores.score, kept_width(input, layer)));
    FfnWeights pruned = ffn.slice(kept.back());
    if (options.compensate) compensate(pruned, ffn, scores.mean, kept.back());
    prune_layer(result, input, layer, pruned);
    model->block(layer).set_ffn(load_ffn(result.spec, result.state, layer));
  }
  result.parity.push_back(prove_cut(input, result, kept));
  return result;
}

}  // namespace

Converter prune_magnitude_converter() {
  return make_converter<MagnitudeOptions>("prune-magnitude",
                                          "static pruning: keep the neurons with the largest weights",
                                          "Fang et al. 2023, arXiv:2301.12900", prune_by_magnitude);
}

Converter prune_activation_converter() {
  return make_converter<ActivationOptions>(
      "prune-activation", "static pruning: keep the neurons that matter most on calibration text",
      "Sun et al. 2024, arXiv:2306.11695; An et al. 2024, arXiv:2312.11983", prune_by_activation);
}

}  // namespace lab
}  // namespace coppice
