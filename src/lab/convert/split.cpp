// LLaMA-MoE (Zhu et al., EMNLP 2024): the neurons of each SwiGLU FFN are partitioned into E disjoint experts of equal
// width, by chance (Independent-Random) or by balanced k-means on the rows of the up projection
// (Independent-Clustering).
//
//   E_j(x) = W_down[:, S_j] (act(W_gate[S_j] x) * W_up[S_j] x),   y = E/k * sum over the top k of p_j E_j(x)
//
// with p the softmax over the selected logits. The rescale E/k stands for the experts left out; it is folded into the
// down projections (fold=true), so that the result is a Mixtral. The paper's routers begin untrained, as here by
// default, and 200 billion tokens of training follow; router=neurons (CMoE's) and router=centroid (LLaMA-MoE v2's) are
// of use without training.

#include <numeric>

#include "lab/convert/activation_statistics.h"
#include "lab/convert/balanced_kmeans.h"
#include "lab/convert/converters.h"
#include "lab/convert/ffn_tensors.h"
#include "lab/convert/layer_walk.h"
#include "lab/convert/parity.h"
#include "lab/convert/representatives.h"

namespace coppice {
namespace lab {

enum class SplitRouter { linear, mlp_tanh, neurons, centroid };

struct SplitOptions {
  SplitRouter router = SplitRouter::linear;
  double scale = 0;
  bool fold = true;
  int64_t windows = 8;
  int64_t k_a = 10;

  static void fields(auto& self, auto&& field) {
    field(
        "router", self.router,
        Field{.help =
                  "linear and mlp_tanh are untrained; neurons and centroid are made from calibration text"});
    field("scale", self.scale,
          Field{.help = "rescale of the routed output; 0 = experts / active experts", .min = 0});
    field("fold", self.fold,
          Field{.help = "fold the rescale into the down projections, so that Mixtral can hold the result"});
    field("windows", self.windows,
          Field{.help = "calibration windows for the routers that need them", .min = 1});
    field("k_a", self.k_a, Field{.help = "router=neurons: markers of a token", .min = 1});
  }
};

}  // namespace lab

template <>
struct EnumNames<lab::SplitRouter> {
  static constexpr auto values =
      std::to_array<std::pair<lab::SplitRouter, const char*>>({{lab::SplitRouter::linear, "linear"},
                                                               {lab::SplitRouter::mlp_tanh, "mlp_tanh"},
                                                               {lab::SplitRouter::neurons, "neurons"},
                                                               {lab::SplitRouter::centroid, "centroid"}});
};

namespace lab {
namespace {

using Partitioner = std::function<std::vector<NeuronSet>(const FfnWeights& ffn, int64_t experts, Rng& rng)>;

NeuronSet all_neurons(int64_t width) {
  NeuronSet all(static_cast<size_t>(width));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::vector<NeuronSet> by_chance(const FfnWeights& ffn, int64_t experts, Rng& rng) {
  return random_partition(all_neurons(ffn.neurons()), experts, rng);
}

std::vector<NeuronSet> by_clusters(const FfnWeights& ffn, int64_t experts, Rng& rng) {
  return sets_of_labels(all_neurons(ffn.neurons()), balanced_kmeans(ffn.up, experts, rng).labels, experts);
}

// What the routers that are made from calibration see of one layer.
struct LayerView {
  const FfnWeights& ffn;
  const torch::Tensor& input;  // [tokens, width]
  Activation activation;
};

void put_router(StateDict& state, const std::string& prefix, const std::vector<NeuronSet>& sets,
                int64_t top_k, const SplitOptions& options, const LayerView& view, Rng& rng) {
  const auto experts = static_cast<int64_t>(sets.size());
  const int64_t width = view.ffn.up.size(1);
  switch (options.router) {
    case SplitRouter::linear:
      state[prefix + ".gate.weight"] = normal_tensor({experts, width}, 0.02, rng);
      break;
    case SplitRouter::mlp_tanh:
      state[prefix + ".gate.hidden.weight"] = normal_tensor({experts, width}, 0.02, rng);
      state[prefix + ".gate.output.weight"] = normal_tensor({experts, experts}, 0.02, rng);
      break;
    case SplitRouter::neurons: {
      const torch::Tensor h = hidden_neurons_by_cosine(view.ffn, view.input, view.activation);
      const torch::Tensor markers = top_markers(h, std::min(options.k_a, h.size(1)));
      const NeuronRouter router =
          neuron_router(view.ffn, representative_neurons(markers, sets, MarkerDistance::cosine));
      state[prefix + ".gate.up.weight"] = router.up;
      state[prefix + ".gate.gate.weight"] = router.gate;
      break;
    }
    case SplitRouter::centroid:
      state[prefix + ".gate.weight"] = centroid_router(
          view.ffn, view.input, hidden_neurons(view.ffn, view.input, view.activation), sets, top_k);
      break;
  }
}

RouterSource source_of(SplitRouter router) {
  if (router == SplitRouter::mlp_tanh) return RouterSource::mlp_tanh;
  return router == SplitRouter::neurons ? RouterSource::neurons : RouterSource::linear;
}

// All experts active with weight one and no rescale is a sum over the partition.
ParityClaim prove_partition(const ConversionInput& input, const Conversion& unscaled) {
  ModelSpec everything = unscaled.spec;
  for (auto& block : everything.blocks) {
    MoeSpec& moe = *moe_of(block);
    moe.top_k = moe.experts();
    moe.router.weight = ExpertWeight::one;
    moe.router.scale = 1;
  }
  const auto dense = make_model(input.spec, input.state), whole = make_model(everything, unscaled.state);
  return same_logits("logits with all experts active equal the dense model's", *dense, *whole,
                     input.text.windows());
}

Conversion convert(const ConversionInput& input, const SplitOptions& options, const Partitioner& partition,
                   const std::string& name) {
  require_no_ffn_bias(input.spec, name);
  require_experts_divide(input.spec, input.experts);
  if (options.router == SplitRouter::neurons) require_gated(input.spec, name + " router=neurons");
  const int64_t top_k = nearest_units(input.active, input.experts);
  const double scale =
      options.scale > 0 ? options.scale : static_cast<double>(input.experts) / static_cast<double>(top_k);
  Rng partition_rng = Rng(input.seed).fork("partition"), router_rng = Rng(input.seed).fork("router"),
      window_rng = Rng(input.seed).fork("windows");

  Conversion result{.spec = input.spec, .state = input.state};
  const bool calibrated = options.router == SplitRouter::neurons || options.router == SplitRouter::centroid;
  std::shared_ptr<LanguageModel> model;
  std::optional<LayerWalk> walk;
  if (calibrated) {
    model = make_model(input.spec, input.state);
    walk.emplace(*model, input.text.sample(options.windows, window_rng));
  }
  int64_t faults = 0;
  for (int64_t layer = 0; layer < static_cast<int64_t>(input.spec.blocks.size()); ++layer) {
    const DenseFfnSpec& dense = dense_ffn(input.spec, layer);
    const std::string prefix = ffn_prefix(layer);
    const FfnWeights ffn = ffn_at(input.state, prefix);
    const auto sets = partition(ffn, input.experts, partition_rng);
    faults += partition_faults(sets, dense.width);
    erase_ffn(result.state, prefix);
    for (size_t e = 0; e < sets.size(); ++e)
      put_ffn(result.state, fmt::format("{}.experts.{}", prefix, e), ffn.slice(sets[e]));
    result.spec.blocks[static_cast<size_t>(layer)].ffn = MoeSpec{
        .widths = std::vector<int64_t>(static_cast<size_t>(input.experts), dense.width / input.experts),
        .top_k = top_k,
        .router = {.source = source_of(options.router)},
        .gated = dense.gated,
        .activation = dense.activation};
    const torch::Tensor seen = walk ? walk->ffn_input() : torch::Tensor();
    put_router(result.state, prefix, sets, top_k, options, {ffn, seen, dense.activation}, router_rng);
    if (walk) walk->advance();
  }
  result.parity.push_back(
      {.what = "neurons that are not in exactly one expert", .difference = static_cast<double>(faults)});
  result.parity.push_back(prove_partition(input, result));
  if (options.fold) {
    for (auto& [tensor_name, tensor] : result.state)
      if (tensor_name.find(".experts.") != tensor_name.npos && tensor_name.ends_with("down_proj.weight"))
        tensor = tensor * scale;
  } else {
    for (auto& block : result.spec.blocks) moe_of(block)->router.scale = scale;
  }
  result.report["rescale"] = scale;
  if (!calibrated)
    result.remarks.push_back("the router is untrained: train the result, or use --set router=neurons");
  return result;
}

Converter split_converter(const std::string& name, const std::string& summary, const Partitioner& partition) {
  return make_converter<SplitOptions>(
      name, summary, "Zhu et al. 2024, arXiv:2406.16554",
      [partition, name](const ConversionInput& input, const SplitOptions& options) {
        return convert(input, options, partition, name);
      });
}

}  // namespace

Converter split_random_converter() {
  return split_converter("split-random", "LLaMA-MoE: neurons dealt into experts by chance, outputs rescaled",
                         by_chance);
}

Converter split_cluster_converter() {
  return split_converter("split-cluster",
                         "LLaMA-MoE: neurons clustered into experts by balanced k-means, outputs rescaled",
                         by_clusters);
}

}  // namespace lab
}  // namespace coppice
