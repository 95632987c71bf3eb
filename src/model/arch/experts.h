#pragma once
// What config.json of families with many small equal experts (Qwen-MoE, OLMoE) says about them.

#include "model/arch/config_keys.h"

namespace coppice {

// Packed experts: experts.gate_up_proj (experts, 2 width, model width), each expert's gate rows before its up rows, and
// experts.down_proj (experts, model width, width).
// `mlp.experts.3.up_proj.weight` -> `mlp.experts.gate_up_proj`; other names stay.
std::string packed_experts_name(const std::string& canonical_name);
// How a tensor lies there, if it is one of a separately stored expert; experts without gates have their ups alone.
std::optional<TensorLayout> packed_experts_layout(const TensorSpec& tensor, const ModelSpec& spec);

// Experts by Mixtral's names: block_sparse_moe, with w1, w2 and w3.
std::string mixtral_file_name(const std::string& canonical_name);

// num_experts (or num_local_experts), num_experts_per_tok, norm_topk_prob and hidden_act: softmax over all
// experts, top-k, renormalised or not. `width_key` names the width of an expert.
MoeSpec read_equal_experts(const Json& config, const char* width_key, const std::string& where);
void write_equal_experts(const MoeSpec& moe, const char* width_key, Json& config);

// The keys that the functions here read besides Llama's.
const std::set<std::string>& expert_keys();

// mlp_only_layers and decoder_sparse_step: the layers that keep a dense FFN of intermediate_size.
void read_dense_layers(const Json& config, ModelSpec& spec, const std::string& where);
void write_dense_layers(const ModelSpec& spec, Json& config);

// The router of Qwen-MoE and OLMoE: softmax over all experts, top-k, renormalised or not.
RouterSpec softmax_router(const RouterSpec& like);

// Why the mixtures are not of this kind, equal in all layers that have one; `dense_layers` tells whether some
// may have a dense gated FFN instead. A shared expert is left to the caller. `router_like` makes the family's router
// with the free choices of a given one.
std::optional<std::string> equal_experts_obstacle(
    const ModelSpec& spec, bool dense_layers, RouterSpec (*router_like)(const RouterSpec&) = softmax_router);

// The mixture of the first block that has one, or nullptr.
const MoeSpec* first_moe(const ModelSpec& spec);

}  // namespace coppice
