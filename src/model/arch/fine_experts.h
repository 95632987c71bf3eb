#pragma once
// What config.json of families with shared and many fine-grained routed experts (DeepSeek, Pangu Ultra MoE)
// says about them: n_shared_experts shared ones, all as one FFN, beside n_routed_experts routed ones of
// moe_intermediate_size.

#include "model/arch/config_keys.h"

namespace coppice {

// n_routed_experts, moe_intermediate_size, n_shared_experts, num_experts_per_tok, norm_topk_prob,
// routed_scaling_factor and hidden_act. A single selected expert is not renormalised, as in the published
// code.
MoeSpec read_fine_experts(const Json& config, const std::string& where);
void write_fine_experts(const MoeSpec& moe, Json& config);

// The keys that read_fine_experts and read_leading_dense_layers read, and those of the losses beside them.
const std::set<std::string>& fine_expert_keys();

// Layer i has experts if i >= first_k_dense_replace and moe_layer_freq divides i; the others have a dense FFN
// of intermediate_size.
void read_leading_dense_layers(const Json& config, ModelSpec& spec, const std::string& where);
void write_leading_dense_layers(const ModelSpec& spec, Json& config);

// Why the mixtures are not of this kind, equal in all layers that have one. `router` is what all routers of
// the family have in common; its weight, scale and groups are left to the caller.
std::optional<std::string> fine_experts_obstacle(const ModelSpec& spec, const RouterSpec& router);

// The name of a tensor of tensor_table in files of these families.
std::string fine_expert_name(const std::string& canonical_name);

// Whether a tensor is of the layer behind the last, which predicts a further token (num_nextn_predict_layers)
// and takes no part in the model's own output.
bool is_next_token_layer(const std::string& file_name, const ModelSpec& spec);

}  // namespace coppice
