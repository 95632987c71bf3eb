// CMoE (Pei et al. 2025): carving a mixture of experts out of a SwiGLU FFN with a handful of calibration windows and
// no training. Per layer, later layers seeing the converted earlier ones, on tokens x after the FFN's norm:
//
//   h_i(x) = act(cos(x, gate_i)) cos(x, up_i);   marker a_i(x) = 1 if |h_i| is among the token's top K_a;  mu_i = mean a_i
//   shared:  the N_s * d_ff/E neurons of highest mu
//   routed:  the others in E - N_s clusters of d_ff/E by the distance of marker columns, exactly balanced
//   router:  s = softmax |(U x) * act(G x)|, rows of U, G: unit up and gate rows of each cluster's most central neuron
//   y = shared(x) + sum over the top N_k of (s + b) of (1 + s_e u_e) E_e(x),  u = 0 and b = 0 at conversion
//
// The paper measures distance by L1. Marker columns are sparse, so by L1 the neurons that hardly fire are all near each
// other and near every mean: they become clusters of their own, and the most central neuron of a cluster, which stands
// for it in the router, is the one that fires least. Cosine, the default here, has neither fault: on the 7M model of
// docs/results.md L1 was no better than chance, cosine is. distance=l1 restores the paper's.
//
// The released code iterates the clustering once, the default here. partition, share and router also select the
// paper's ablations.

#include "lab/convert/cmoe.h"

#include "lab/convert/activation_statistics.h"
#include "lab/convert/converters.h"
#include "lab/convert/ffn_tensors.h"
#include "lab/convert/layer_walk.h"
#include "lab/convert/parity.h"
#include "lab/convert/representatives.h"

namespace coppice::lab {
namespace {

struct CmoeOptions {
  std::optional<int64_t> shared;
  int64_t k_a = 10, iterations = 1, windows = 8;
  MarkerDistance distance = MarkerDistance::cosine;
  CarvePartition partition = CarvePartition::cluster;
  CarveShare share = CarveShare::rate;
  CarveRouter router = CarveRouter::neurons;

  static void fields(auto& self, auto&& field) {
    field("shared", self.shared,
          Field{.help = "always-active experts; default: half of the active ones, rounded down, at least 1",
                .min = 0});
    field("k_a", self.k_a, Field{.help = "markers of a token: its neurons of largest |h|", .min = 1});
    field("iterations", self.iterations, Field{.help = "rounds of clustering", .min = 1});
    field("windows", self.windows, Field{.help = "calibration windows", .min = 1});
    field("distance", self.distance,
          Field{.help = "how near two neurons are by the tokens they mark; l1 is the paper's"});
    field("partition", self.partition, Field{.help = "how routed experts are formed"});
    field("share", self.share, Field{.help = "how the always-active neurons are chosen"});
    field("router", self.router, Field{.help = "representative neurons, or untrained linear"});
  }
};

struct Counts {
  int64_t shared, routed_active;
};

// How many of the experts are always active and how many are routed to.
Counts count_active(const ConversionInput& input, const CmoeOptions& options) {
  const int64_t active = nearest_units(input.active, input.experts);
  int64_t shared = options.shared.value_or(std::max<int64_t>(1, active / 2));
  if (options.share == CarveShare::none) shared = 0;
  if (!options.shared && active == 1) shared = 0;  // a budget of one expert leaves none to share
  if (shared >= active)
    throw Error({.where = "cmoe.shared",
                 .found = fmt::format("{} shared experts of {} active ones", shared, active),
                 .expected = "fewer, so that at least one is routed to"},
                Fault::usage);
  return {shared, active - shared};
}

void put_router(StateDict& state, const std::string& prefix, const FfnWeights& ffn, const Carving& carving,
                const CmoeOptions& options, Rng& rng) {
  const auto experts = static_cast<int64_t>(carving.routed.size());
  if (options.router == CarveRouter::neurons) {
    const NeuronRouter router = neuron_router(ffn, carving.representatives);
    state[prefix + ".gate.up.weight"] = router.up;
    state[prefix + ".gate.gate.weight"] = router.gate;
  } else {
    state[prefix + ".gate.weight"] = normal_tensor({experts, ffn.up.size(1)}, 0.02, rng);
  }
  state[prefix + ".gate.scale"] = torch::zeros({experts});
  state[prefix + ".gate.selection_bias"] = torch::zeros({experts});
}

ParityClaim prove_partition(const ConversionInput& input, const Conversion& carved) {
  ModelSpec everything = carved.spec;
  for (auto& block : everything.blocks) moe_of(block)->top_k = moe_of(block)->experts();
  const auto dense = make_model(input.spec, input.state), whole = make_model(everything, carved.state);
  return same_logits("logits with all experts active equal the dense model's", *dense, *whole,
                     input.text.windows());
}

Conversion convert(const ConversionInput& input, const CmoeOptions& options) {
  const torch::NoGradGuard no_grad;
  require_no_ffn_bias(input.spec, "cmoe");
  require_gated(input.spec, "cmoe");
  require_experts_divide(input.spec, input.experts);
  const Counts counts = count_active(input, options);
  Rng carve_rng = Rng(input.seed).fork("partition"), router_rng = Rng(input.seed).fork("router"),
      window_rng = Rng(input.seed).fork("windows");

  const auto model = make_model(input.spec, input.state);
  LayerWalk walk(*model, input.text.sample(options.windows, window_rng));
  Conversion result{.spec = input.spec, .state = input.state};
  result.report["shared_rates"] = Json::array();
  int64_t faults = 0;
  for (; !walk.done(); walk.advance()) {
    const int64_t layer = walk.layer();
    const DenseFfnSpec& dense = dense_ffn(input.spec, layer);
    const std::string prefix = ffn_prefix(layer);
    const FfnWeights ffn = ffn_at(input.state, prefix);
    if (options.k_a > dense.width)
      throw Error({.where = "cmoe.k_a",
                   .found = fmt::format("{}", options.k_a),
                   .expected = fmt::format("at most the {} neurons of a layer", dense.width)},
                  Fault::usage);
    std::vector<torch::Tensor> chunks;
    walk.observe([&](const torch::Tensor& x) {
      chunks.push_back(top_markers(hidden_neurons_by_cosine(ffn, x, dense.activation), options.k_a));
    });
    const torch::Tensor markers = torch::cat(chunks);
    const Carving carving = carve(markers,
                                  {.experts = input.experts,
                                   .shared = counts.shared,
                                   .partition = options.partition,
                                   .share = options.share,
                                   .distance = options.distance,
                                   .iterations = options.iterations},
                                  carve_rng);
    auto sets = carving.routed;
    sets.push_back(carving.shared);
    faults += partition_faults(sets, dense.width);

    const int64_t expert_width = dense.width / input.experts;
    result.spec.blocks[static_cast<size_t>(layer)].ffn =
        MoeSpec{.widths = std::vector<int64_t>(carving.routed.size(), expert_width),
                .top_k = counts.routed_active,
                .router = {.source = options.router == CarveRouter::neurons ? RouterSource::neurons
                                                                            : RouterSource::linear,
                           .weight = ExpertWeight::one_plus,
                           .selection_bias = true},
                .shared_width = counts.shared * expert_width,
                .activation = dense.activation};
    erase_ffn(result.state, prefix);
    for (size_t e = 0; e < carving.routed.size(); ++e)
      put_ffn(result.state, fmt::format("{}.experts.{}", prefix, e), ffn.slice(carving.routed[e]));
    if (counts.shared > 0) put_ffn(result.state, prefix + ".shared_expert", ffn.slice(carving.shared));
    put_router(result.state, prefix, ffn, carving, options, router_rng);
    model->block(layer).set_ffn(load_ffn(result.spec, result.state, layer));
    // Share of all markers that the always-active neurons take.
    const double total = markers.sum().item<double>();
    const double shared =
        carving.shared.empty()
            ? 0.0
            : markers.index_select(1, torch::tensor(carving.shared, torch::kInt64)).sum().item<double>();
    result.report["shared_rates"].push_back(shared / total);
  }
  result.report["shared_experts"] = counts.shared;
  result.report["routed_active"] = counts.routed_active;
  result.parity.push_back(
      {.what = "neurons that are not in exactly one expert", .difference = static_cast<double>(faults)});
  result.parity.push_back(prove_partition(input, result));
  return result;
}

}  // namespace

Converter cmoe_converter() {
  return make_converter<CmoeOptions>(
      "cmoe", "CMoE: shared and routed experts and their router carved from activation rates, no training",
      "Pei et al. 2025, arXiv:2502.04416", convert);
}

}  // namespace coppice::lab
