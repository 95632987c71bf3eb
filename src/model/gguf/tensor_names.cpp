#include "model/gguf/tensor_names.h"

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace coppice {
namespace {

using Name = std::pair<std::string_view, std::string_view>;

constexpr auto outer_names = std::to_array<Name>({{"model.embed_tokens.weight", "token_embd.weight"},
                                                  {"model.norm.weight", "output_norm.weight"},
                                                  {"lm_head.weight", "output.weight"}});

// Within a block, without .weight or .bias.
constexpr auto block_names = std::to_array<Name>({{"input_layernorm", "attn_norm"},
                                                  {"post_attention_layernorm", "ffn_norm"},
                                                  {"self_attn.q_proj", "attn_q"},
                                                  {"self_attn.k_proj", "attn_k"},
                                                  {"self_attn.v_proj", "attn_v"},
                                                  {"self_attn.o_proj", "attn_output"},
                                                  {"mlp.gate_proj", "ffn_gate"},
                                                  {"mlp.up_proj", "ffn_up"},
                                                  {"mlp.down_proj", "ffn_down"},
                                                  {"mlp.gate", "ffn_gate_inp"}});

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

}  // namespace

std::optional<GgufTensorName> gguf_tensor_name(const std::string& canonical_name) {
  std::string_view rest = canonical_name;
  if (const auto outer = find(outer_names, rest)) return GgufTensorName{.name = std::string(*outer)};
  if (!take_prefix(rest, "model.layers.")) return std::nullopt;
  const auto block = take_number(rest);
  const size_t dot = rest.rfind('.');
  if (!block || dot == rest.npos) return std::nullopt;
  const std::string_view suffix = rest.substr(dot);
  if (suffix != ".weight" && suffix != ".bias") return std::nullopt;
  std::string_view part = rest.substr(0, dot);
  const auto named = [&](std::string_view name) { return fmt::format("blk.{}.{}{}", *block, name, suffix); };
  if (const auto name = find(block_names, part))
    return GgufTensorName{.name = named(*name), .rotary = *name == "attn_q" || *name == "attn_k"};
  if (!take_prefix(part, "mlp.experts.")) return std::nullopt;
  const auto expert = take_number(part);
  const auto name = find(expert_names, part);
  if (!expert || !name) return std::nullopt;
  return GgufTensorName{.name = named(*name), .expert = expert};
}

}  // namespace coppice
