#include "model/spec.h"

#include <algorithm>
#include <functional>
#include <numbers>
#include <numeric>

namespace coppice {

int64_t rotary_width(const RopeSpec& rope, int64_t head_dim) {
  return static_cast<int64_t>(static_cast<double>(head_dim) * rope.fraction);
}

std::vector<double> rope_frequencies(const RopeSpec& rope, int64_t head_dim) {
  const int64_t width = rotary_width(rope, head_dim);
  std::vector<double> frequencies;
  for (int64_t i = 0; i < width / 2; ++i) {
    double frequency = std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(width));
    if (rope.scaling == RopeScaling::linear) frequency /= rope.factor;
    if (rope.scaling == RopeScaling::llama3) {
      // Llama 3.1: long wavelengths are stretched, short ones kept, those between blended.
      const double turns = static_cast<double>(rope.original_context) * frequency / (2 * std::numbers::pi);
      const double keep = std::clamp(
          (turns - rope.low_frequency_factor) / (rope.high_frequency_factor - rope.low_frequency_factor), 0.0,
          1.0);
      frequency = keep * frequency + (1 - keep) * frequency / rope.factor;
    }
    frequencies.push_back(frequency);
  }
  return frequencies;
}

NormNames norm_names(NormPlacement placement) {
  if (placement == NormPlacement::post || placement == NormPlacement::post_sum)
    return {"post_attention_layernorm", "post_feedforward_layernorm"};
  if (placement == NormPlacement::parallel) return {"input_layernorm", ""};
  return {"input_layernorm", "post_attention_layernorm"};
}

namespace {

void validate_mixer(const AttentionSpec& attention, const std::string& where) {
  if (attention.heads % attention.kv_heads != 0)
    throw Error(
        {.where = where,
         .found = fmt::format("{} query heads on {} key-value heads", attention.heads, attention.kv_heads),
         .expected = "a multiple"});
  const RopeSpec& rope = attention.rope;
  if (rotary_width(rope, attention.head_dim) % 2 != 0)
    throw Error({.where = where,
                 .found = rope.fraction == 1 ? fmt::format("head_dim {}", attention.head_dim)
                                             : fmt::format("{} of head_dim {} rotated",
                                                           rotary_width(rope, attention.head_dim),
                                                           attention.head_dim),
                 .expected = "an even number, for rotary pairs"});
  if (rope.scaling == RopeScaling::llama3 && !(rope.high_frequency_factor > rope.low_frequency_factor))
    throw Error({.where = where, .found = "rope high_frequency_factor not above low_frequency_factor"});
}

void validate_ffn(const DenseFfnSpec&, const std::string&) {}

void validate_ffn(const MoeSpec& moe, const std::string& where) {
  if (moe.experts() == 0) throw Error({.where = where, .found = "no experts"});
  if (moe.top_k > moe.experts())
    throw Error({.where = where,
                 .found = fmt::format("top_k {}", moe.top_k),
                 .expected = fmt::format("at most the {} experts", moe.experts())});
  if (moe.shared_gate && moe.shared_width == 0)
    throw Error({.where = where, .found = "a gate of the shared expert", .expected = "a shared_width above 0"});
  if (moe.storage == ExpertStorage::indexed) {
    for (const int64_t width : moe.widths)
      if (width > moe.dense_width)
        throw Error({.where = where,
                     .found = fmt::format("an expert of {} neurons", width),
                     .expected = fmt::format("at most the dense width {}", moe.dense_width)});
  }
}

double rough_parameters(double width, const AttentionSpec& a) {
  const int64_t gated_heads = a.gate == AttentionGate::none ? 0 : a.heads;
  return width * static_cast<double>((2 * a.heads + 2 * a.kv_heads + gated_heads) * a.head_dim);
}

double rough_parameters(double width, const DenseFfnSpec& ffn) {
  return 3.0 * width * static_cast<double>(ffn.width);
}

double rough_parameters(double width, const MoeSpec& moe) {
  const auto experts = static_cast<double>(moe.experts());
  double neurons = static_cast<double>(moe.dense_width) + static_cast<double>(moe.shared_width);
  for (const int64_t expert : moe.widths) neurons += static_cast<double>(expert);
  return 3.0 * width * neurons + experts * (2.0 * width + experts);
}

// Keeps later sums of sizes within 64 bits and lists of tensors within reason.
void validate_size(const ModelSpec& spec, const std::string& where) {
  const auto width = static_cast<double>(spec.width);
  double parameters = 2.0 * width * static_cast<double>(spec.vocabulary);
  if (spec.learned_positions) parameters += width * static_cast<double>(spec.context + spec.position_offset);
  parameters += width * static_cast<double>(spec.token_types);
  if (spec.head == HeadKind::masked) parameters += width * width;
  if (spec.pooler) parameters += width * width;
  int64_t experts = 0;
  for (const auto& block : spec.blocks) {
    parameters += std::visit([&](const auto& mixer) { return rough_parameters(width, mixer); }, block.mixer);
    parameters += std::visit([&](const auto& ffn) { return rough_parameters(width, ffn); }, block.ffn);
    if (const MoeSpec* moe = moe_of(block)) experts += moe->experts();
  }
  if (!(parameters <= max_parameters))
    throw Error({.where = where,
                 .found = fmt::format("about {:.0e} parameters", parameters),
                 .expected = fmt::format("at most {:.0e}", max_parameters)});
  if (experts > max_experts_in_model)
    throw Error({.where = where,
                 .found = fmt::format("{} experts", experts),
                 .expected = fmt::format("at most {} in all", max_experts_in_model)});
}

// Collects the tensors of one model.
class Collector {
 public:
  explicit Collector(const ModelSpec& spec) : spec_(spec) {}

  std::vector<TensorSpec> collect() {
    add("model.embed_tokens.weight", {spec_.vocabulary, spec_.width});
    if (spec_.learned_positions)
      add("model.embed_positions.weight", {spec_.context + spec_.position_offset, spec_.width});
    if (spec_.token_types > 0) add("model.embed_token_types.weight", {spec_.token_types, spec_.width});
    if (spec_.embedding_norm) add_norm("model.embed_norm");
    for (size_t i = 0; i < spec_.blocks.size(); ++i) {
      prefix_ = fmt::format("model.layers.{}.", i);
      const NormNames norms = norm_names(spec_.blocks[i].norms);
      if (spec_.blocks[i].mixer_norm) add_norm(norms.mixer);
      std::visit([this](const auto& mixer) { add_mixer(mixer); }, spec_.blocks[i].mixer);
      if (!norms.ffn.empty()) add_norm(norms.ffn);
      std::visit([this](const auto& ffn) { add_ffn(ffn); }, spec_.blocks[i].ffn);
    }
    prefix_.clear();
    if (spec_.final_norm) add_norm("model.norm");
    if (spec_.pooler) add_linear("model.pooler", spec_.width, spec_.width, true);
    if (spec_.head == HeadKind::none) return std::move(tensors_);
    if (spec_.head == HeadKind::masked) {
      add_linear("lm_head.dense", spec_.width, spec_.width, spec_.head_dense_bias);
      add_norm("lm_head.norm");
    }
    if (!spec_.tied_embeddings) add("lm_head.weight", {spec_.vocabulary, spec_.width});
    if (spec_.head_bias) add("lm_head.bias", {spec_.vocabulary});
    return std::move(tensors_);
  }

 private:
  void add(const std::string& name, std::vector<int64_t> shape, bool integer = false) {
    tensors_.push_back({prefix_ + name, std::move(shape), integer});
  }

  void add_norm(const std::string& name) {
    add(name + ".weight", {spec_.width});
    if (spec_.norm == NormKind::layer && spec_.norm_bias) add(name + ".bias", {spec_.width});
  }

  void add_linear(const std::string& name, int64_t out, int64_t in, bool bias) {
    add(name + ".weight", {out, in});
    if (bias) add(name + ".bias", {out});
  }

  void add_bank(const std::string& name, int64_t width, bool gated, bool bias) {
    if (gated) add_linear(name + ".gate_proj", width, spec_.width, bias);
    add_linear(name + ".up_proj", width, spec_.width, bias);
    add_linear(name + ".down_proj", spec_.width, width, bias);
  }

  void add_mixer(const AttentionSpec& a) {
    add_linear("self_attn.q_proj", a.heads * a.head_dim, spec_.width, a.qkv_bias);
    add_linear("self_attn.k_proj", a.kv_heads * a.head_dim, spec_.width, a.qkv_bias);
    add_linear("self_attn.v_proj", a.kv_heads * a.head_dim, spec_.width, a.qkv_bias);
    add_linear("self_attn.o_proj", spec_.width, a.heads * a.head_dim, a.output_bias);
    if (a.qk_norm != QkNorm::none) {
      const bool whole = a.qk_norm == QkNorm::projection;
      add("self_attn.q_norm.weight", {whole ? a.heads * a.head_dim : a.head_dim});
      add("self_attn.k_norm.weight", {whole ? a.kv_heads * a.head_dim : a.head_dim});
    }
    if (a.gate != AttentionGate::none)
      add("self_attn.gate_proj.weight",
          {a.gate == AttentionGate::head ? a.heads : a.heads * a.head_dim, spec_.width});
  }

  void add_ffn(const DenseFfnSpec& ffn) { add_bank("mlp", ffn.width, ffn.gated, ffn.bias); }

  void add_ffn(const MoeSpec& moe) {
    const int64_t experts = moe.experts();
    switch (moe.router.source) {
      case RouterSource::linear:
        add("mlp.gate.weight", {experts, spec_.width});
        break;
      case RouterSource::mlp_tanh:
        add("mlp.gate.hidden.weight", {experts, spec_.width});
        add("mlp.gate.output.weight", {experts, experts});
        break;
      case RouterSource::neurons:
        add("mlp.gate.gate.weight", {experts, spec_.width});
        add("mlp.gate.up.weight", {experts, spec_.width});
        break;
    }
    if (moe.router.weight == ExpertWeight::one_plus) add("mlp.gate.scale", {experts});
    if (moe.router.selection_bias) add("mlp.gate.selection_bias", {experts});
    if (moe.storage == ExpertStorage::indexed) add_bank("mlp", moe.dense_width, moe.gated, false);
    for (int64_t e = 0; e < experts; ++e) {
      if (moe.storage == ExpertStorage::indexed)
        add(fmt::format("mlp.expert_neurons.{}", e), {moe.widths[e]}, true);
      else
        add_bank(fmt::format("mlp.experts.{}", e), moe.widths[e], moe.gated, false);
    }
    if (moe.shared_width > 0) add_bank("mlp.shared_expert", moe.shared_width, moe.gated, false);
    if (moe.shared_gate) add("mlp.shared_expert_gate.weight", {1, spec_.width});
  }

  const ModelSpec& spec_;
  std::string prefix_;
  std::vector<TensorSpec> tensors_;
};

int64_t bank_parameters(int64_t model_width, int64_t width, bool gated) {
  return (gated ? 3 : 2) * model_width * width;
}

int64_t widest(std::vector<int64_t> widths, int64_t count) {
  std::sort(widths.begin(), widths.end(), std::greater<>());
  return std::accumulate(widths.begin(), widths.begin() + count, int64_t{0});
}

// Total and active FFN weights of a block, routers left out.
std::pair<int64_t, int64_t> ffn_parameters(int64_t width, const DenseFfnSpec& ffn) {
  const int64_t count = bank_parameters(width, ffn.width, ffn.gated);
  return {count, count};
}

std::pair<int64_t, int64_t> ffn_parameters(int64_t width, const MoeSpec& moe) {
  const int64_t all = moe.storage == ExpertStorage::indexed
                          ? moe.dense_width
                          : std::accumulate(moe.widths.begin(), moe.widths.end(), int64_t{0});
  const int64_t used = std::min(all, widest(moe.widths, moe.top_k));
  return {bank_parameters(width, all + moe.shared_width, moe.gated),
          bank_parameters(width, used + moe.shared_width, moe.gated)};
}

}  // namespace

void validate(const ModelSpec& spec, const std::string& where) {
  if (spec.blocks.empty()) throw Error({.where = where, .found = "no blocks", .expected = "at least one"});
  if (static_cast<int64_t>(spec.blocks.size()) > max_layers)
    throw Error({.where = where,
                 .found = fmt::format("{} blocks", spec.blocks.size()),
                 .expected = fmt::format("at most {}", max_layers)});
  for (size_t i = 0; i < spec.blocks.size(); ++i) {
    const std::string block = fmt::format("{}: block {}", where, i);
    std::visit([&](const auto& mixer) { validate_mixer(mixer, block); }, spec.blocks[i].mixer);
    std::visit([&](const auto& ffn) { validate_ffn(ffn, block); }, spec.blocks[i].ffn);
    if (!spec.blocks[i].mixer_norm && spec.blocks[i].norms != NormPlacement::pre)
      throw Error(
          {.where = block,
           .found = fmt::format("no norm of the mixer, with norms '{}'", to_string(spec.blocks[i].norms)),
           .expected = "norms 'pre'"});
  }
  if (spec.head == HeadKind::none && (spec.tied_embeddings || spec.head_bias))
    throw Error({.where = where,
                 .found = spec.head_bias ? "a bias of the output head" : "a tied output head",
                 .expected = "an output head, or neither"});
  validate_size(spec, where);
}

int64_t TensorSpec::count() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

std::vector<TensorSpec> tensor_table(const ModelSpec& spec) {
  return Collector(spec).collect();
}

ParameterCount count_parameters(const ModelSpec& spec) {
  ParameterCount count;
  for (const auto& tensor : tensor_table(spec))
    if (!tensor.integer) count.total += tensor.count();
  for (const auto& block : spec.blocks) {
    const auto [total, active] =
        std::visit([&](const auto& ffn) { return ffn_parameters(spec.width, ffn); }, block.ffn);
    count.ffn_total += total;
    count.ffn_active += active;
  }
  count.active = count.total - count.ffn_total + count.ffn_active;
  return count;
}

bool is_causal(const ModelSpec& spec) {
  return std::ranges::none_of(spec.blocks, [](const BlockSpec& block) {
    const auto* attention = std::get_if<AttentionSpec>(&block.mixer);
    return attention != nullptr && !attention->causal;
  });
}

const MoeSpec* moe_of(const BlockSpec& block) {
  return std::get_if<MoeSpec>(&block.ffn);
}
MoeSpec* moe_of(BlockSpec& block) {
  return std::get_if<MoeSpec>(&block.ffn);
}

}  // namespace coppice
