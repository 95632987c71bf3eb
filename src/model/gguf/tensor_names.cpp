#include "model/gguf/tensor_names.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace coppice {
namespace {

using Name = std::pair<std::string_view, std::string_view>;

// Without .weight or .bias.
constexpr auto outer_names = std::to_array<Name>({{"model.embed_tokens", "token_embd"},
                                                  {"model.embed_positions", "position_embd"},
                                                  {"model.embed_token_types", "token_types"},
                                                  {"model.embed_norm", "token_embd_norm"},
                                                  {"lm_head", "output"}});

// Within a block. Norms before what they belong to, and norms behind it.
constexpr auto pre_norm_names =
    std::to_array<Name>({{"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm"}});
constexpr auto post_norm_names = std::to_array<Name>(
    {{"post_attention_layernorm", "post_attention_norm"}, {"post_feedforward_layernorm", "post_ffw_norm"}});

constexpr auto post_sum_norm_names = std::to_array<Name>(
    {{"post_attention_layernorm", "attn_output_norm"}, {"post_feedforward_layernorm", "layer_output_norm"}});

// What T5's stacks have or call otherwise.
constexpr auto stack_names = std::to_array<Name>({{"self_attn.o_proj", "attn_o"},
                                                  {"self_attn.relative_bias", "attn_rel_b"},
                                                  {"cross_attention_layernorm", "cross_attn_norm"},
                                                  {"cross_attn.q_proj", "cross_attn_q"},
                                                  {"cross_attn.k_proj", "cross_attn_k"},
                                                  {"cross_attn.v_proj", "cross_attn_v"},
                                                  {"cross_attn.o_proj", "cross_attn_o"}});

constexpr auto block_names = std::to_array<Name>({{"self_attn.q_proj", "attn_q"},
                                                  {"self_attn.k_proj", "attn_k"},
                                                  {"self_attn.v_proj", "attn_v"},
                                                  {"self_attn.o_proj", "attn_output"},
                                                  {"self_attn.q_a_proj", "attn_q_a"},
                                                  {"self_attn.q_a_layernorm", "attn_q_a_norm"},
                                                  {"self_attn.q_b_proj", "attn_q_b"},
                                                  {"self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"},
                                                  {"self_attn.kv_a_layernorm", "attn_kv_a_norm"},
                                                  {"self_attn.kv_b_proj", "attn_kv_b"},
                                                  {"self_attn.q_norm", "attn_q_norm"},
                                                  {"self_attn.k_norm", "attn_k_norm"},
                                                  {"mlp.gate_proj", "ffn_gate"},
                                                  {"mlp.up_proj", "ffn_up"},
                                                  {"mlp.down_proj", "ffn_down"},
                                                  {"mlp.gate", "ffn_gate_inp"},
                                                  {"mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
                                                  {"mlp.shared_expert.up_proj", "ffn_up_shexp"},
                                                  {"mlp.shared_expert.down_proj", "ffn_down_shexp"},
                                                  {"mlp.shared_expert_gate", "ffn_gate_inp_shexp"}});

// In the order in which they are stacked.
constexpr auto qkv_names = std::to_array<std::string_view>({"attn_q", "attn_k", "attn_v"});

// Within an expert.
constexpr auto expert_names = std::to_array<Name>(
    {{"gate_proj", "ffn_gate_exps"}, {"up_proj", "ffn_up_exps"}, {"down_proj", "ffn_down_exps"}});

template <class Names>
std::optional<std::string_view> find(const Names& names, std::string_view canonical) {
  for (const auto& [ours, theirs] : names)
    if (ours == canonical) return theirs;
  return std::nullopt;
}

// Takes "12." off the front of `text`.
std::optional<int64_t> take_number(std::string_view& text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data() + text.size() || *end != '.') return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  return number;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::string_view> find_norm(const GgufArchitecture& architecture, std::string_view canonical) {
  switch (architecture.norms) {
    case NormPlacement::post:
      return find(post_norm_names, canonical);
    case NormPlacement::post_sum:
      return find(post_sum_norm_names, canonical);
    default:
      return find(pre_norm_names, canonical);
  }
}

}  // namespace

std::string gguf_stack(const GgufArchitecture& architecture, bool encoder) {
  if (!architecture.relative_bias) return "";
  return encoder || !architecture.encoder_decoder ? "enc." : "dec.";
}

std::string expansion_part(const std::string& name, bool values) {
  std::string part = name;
  const std::string_view whole = "attn_kv_b";
  return part.replace(part.find(whole), whole.size(), values ? "attn_v_b" : "attn_k_b");
}

std::optional<GgufTensorName> gguf_tensor_name(const std::string& canonical_name,
                                               const GgufArchitecture& architecture) {
  const size_t dot = canonical_name.rfind('.');
  if (dot == canonical_name.npos) return std::nullopt;
  std::string suffix = canonical_name.substr(dot);
  const bool selection_bias = suffix == ".selection_bias";
  if (selection_bias) suffix = ".bias";
  if (suffix != ".weight" && suffix != ".bias") return std::nullopt;
  std::string_view rest = std::string_view(canonical_name).substr(0, dot);
  const bool encoder = rest.starts_with("model.encoder.");
  if (encoder && !architecture.encoder_decoder) return std::nullopt;
  const std::string stack = gguf_stack(architecture, encoder);
  if (rest == "model.norm" || rest == "model.encoder.norm")
    return GgufTensorName{.name = stack + "output_norm" + suffix};
  if (const auto outer = find(outer_names, rest); outer && !selection_bias)
    return GgufTensorName{.name = std::string(*outer) + suffix};
  if (!take_prefix(rest, encoder ? "model.encoder.layers." : "model.layers.")) return std::nullopt;
  const auto block = take_number(rest);
  if (!block) return std::nullopt;
  const auto named = [&](std::string_view name) {
    return fmt::format("{}blk.{}.{}{}", stack, *block, name, suffix);
  };
  if (selection_bias) {
    if (rest != "mlp.gate") return std::nullopt;
    return GgufTensorName{.name = named("exp_probs_b")};
  }
  if (const auto norm = find_norm(architecture, rest)) return GgufTensorName{.name = named(*norm)};
  if (architecture.relative_bias)
    if (const auto name = find(stack_names, rest)) return GgufTensorName{.name = named(*name)};
  if (const auto name = find(block_names, rest)) {
    GgufTensorName result{.name = named(*name)};
    result.rotary = *name == "attn_q" || *name == "attn_k";
    result.flat = *name == "ffn_gate_inp_shexp";
    result.expansion = *name == "attn_kv_b";
    const auto part = std::find(qkv_names.begin(), qkv_names.end(), *name);
    if (architecture.fused_qkv && !architecture.latent && !architecture.relative_bias &&
        part != qkv_names.end()) {
      result.name = named("attn_qkv");
      result.qkv = static_cast<int>(part - qkv_names.begin());
    }
    return result;
  }
  if (!take_prefix(rest, "mlp.experts.")) return std::nullopt;
  const auto expert = take_number(rest);
  const auto name = find(expert_names, rest);
  if (!expert || !name) return std::nullopt;
  return GgufTensorName{.name = named(*name), .expert = expert};
}

}  // namespace coppice
