// Sparse upcycling (Komatsuzaki et al., ICLR 2023): every chosen FFN becomes E identical copies of itself behind a
// fresh router with weights from N(0, 0.02^2); training goes on from there.
//
//   y = sum over the top k experts e of p_e / (sum of the selected p) * FFN(x),   p = softmax(W x)
//
// Weights of the selected experts sum to one, so at conversion the model computes exactly what the dense one does. The
// paper's T5 upcycles every other layer, beginning with the second; `layers=all` is the default here because Mixtral
// directories have experts in every layer. Balancing losses belong to the training that follows.

#include "lab/convert/converters.h"
#include "lab/convert/ffn_tensors.h"
#include "lab/convert/parity.h"

namespace coppice {

namespace lab {

enum class CopyLayers { all, every_other };

struct CopyOptions {
  CopyLayers layers = CopyLayers::all;
  int64_t top_k = 2;

  static void fields(auto& self, auto&& field) {
    field("layers", self.layers,
          Field{.help = "which feed-forwards become experts; every-other begins with the second"});
    field("top_k", self.top_k, Field{.help = "experts that a token uses", .min = 1});
  }
};

}  // namespace lab

template <>
struct EnumNames<lab::CopyLayers> {
  static constexpr auto values = std::to_array<std::pair<lab::CopyLayers, const char*>>(
      {{lab::CopyLayers::all, "all"}, {lab::CopyLayers::every_other, "every-other"}});
};

namespace lab {
namespace {

Conversion convert(const ConversionInput& input, const CopyOptions& options) {
  require_no_ffn_bias(input.spec, "copy");
  if (options.top_k > input.experts)
    throw Error({.where = "copy.top_k",
                 .found = fmt::format("{}", options.top_k),
                 .expected = fmt::format("at most the {} experts", input.experts)},
                Fault::usage);
  Rng rng = Rng(input.seed).fork("router");
  Conversion result{.spec = input.spec, .state = input.state};
  const auto layers = static_cast<int64_t>(input.spec.blocks.size());
  for (int64_t layer = options.layers == CopyLayers::all ? 0 : 1; layer < layers;
       layer += options.layers == CopyLayers::all ? 1 : 2) {
    copy_to_experts(result.spec, result.state, layer, input.experts);
    moe_of(result.spec.blocks[static_cast<size_t>(layer)])->top_k = options.top_k;
    result.state[ffn_prefix(layer) + ".gate.weight"] =
        normal_tensor({input.experts, input.spec.width}, 0.02, rng);
  }
  const auto dense = make_model(input.spec, input.state), copied = make_model(result.spec, result.state);
  result.parity.push_back(
      same_logits("logits of the copies equal the dense model's", *dense, *copied, input.text.windows()));
  result.remarks.push_back(
      fmt::format("every expert is as wide as the dense feed-forward, so --active does not apply: {} of {} "
                  "copies are active; train the result to make them differ",
                  options.top_k, input.experts));
  return result;
}

}  // namespace

Converter copy_converter() {
  return make_converter<CopyOptions>(
      "copy", "sparse upcycling: every expert a copy of the dense feed-forward, fresh router",
      "Komatsuzaki et al. 2023, arXiv:2212.05055", convert);
}

}  // namespace lab
}  // namespace coppice
