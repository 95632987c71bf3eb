#pragma once
// What config.json of families with multi-head latent attention (DeepSeek-V2 and -V3, Pangu Ultra MoE) says
// about it.

#include "model/arch/llama.h"

namespace coppice {

// Everything but the FFNs, as read_llama_shape does it: q_lora_rank (null: queries are not compressed),
// kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim and attention_bias. `interleaved`: rotary
// pairs lie side by side.
ModelSpec read_latent_shape(const Json& config, const FfnSpec& ffn, std::set<std::string> family_keys,
                            bool interleaved, const std::string& where);
Json write_latent_shape(const ModelSpec& spec);

// Why the attention and the norms of a spec are not of this shape, if they are not.
std::optional<std::string> latent_shape_obstacle(const ModelSpec& spec,
                                                 NormPlacement norms = NormPlacement::pre);

const LatentAttentionSpec& first_latent(const ModelSpec& spec);

}  // namespace coppice
