// Mixtral (Jiang et al. 2024): Llama with a mixture of SwiGLU experts in every block; softmax over all
// experts, top-k, renormalised over the selected. The published checkpoints have no window, but the family's files may
// say one, which Transformers gives to every layer.

#include "model/arch/experts.h"
#include "model/arch/llama.h"
#include "model/arch/windows.h"

namespace coppice {
namespace {

// The router of Mixtral's block_sparse_moe.
const RouterSpec mixtral_router = {
    .source = RouterSource::linear, .score = RouterScore::softmax, .weight = ExpertWeight::renormalised};

}  // namespace

std::string mixtral_file_name(const std::string& name) {
  const std::string moved = with_parts_renamed(name, {{".mlp.", ".block_sparse_moe."}});
  if (name.find(".experts.") == name.npos) return moved;
  return with_parts_renamed(moved, {{".gate_proj.", ".w1."}, {".up_proj.", ".w3."}, {".down_proj.", ".w2."}});
}

Family mixtral_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(given, {{"num_key_value_heads", 8},
                                                      {"max_position_embeddings", 4096 * 32},
                                                      {"rms_norm_eps", 1e-5},
                                                      {"rope_theta", 1000000.0}});
            const auto experts = config_value<int64_t>(config, "num_local_experts", 8, where);
            if (experts < 1 || experts > 65536)
              throw Error({.where = where + ".num_local_experts",
                           .found = fmt::format("{}", experts),
                           .expected = "1 to 65536"});
            const auto width = config_required<int64_t>(config, "intermediate_size", where);
            ModelSpec spec = read_llama_shape(
                config,
                MoeSpec{.widths = std::vector<int64_t>(static_cast<size_t>(experts), width),
                        .top_k = config_value<int64_t>(config, "num_experts_per_tok", 2, where),
                        .router = mixtral_router,
                        .activation = read_activation(config, "hidden_act", "silu", where)},
                {"num_local_experts", "num_experts_per_tok", "sliding_window"}, where);
            read_window(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        if (auto obstacle = llama_shape_obstacle(spec, {.windows = true})) return obstacle;
        if (auto obstacle = window_obstacle(spec)) return obstacle;
        if (std::get<AttentionSpec>(spec.blocks.front().mixer).qkv_bias) return "it has attention biases";
        for (const auto& block : spec.blocks) {
          const MoeSpec* moe = moe_of(block);
          if (moe == nullptr) return "some layers are dense";
          if (block.ffn != spec.blocks.front().ffn) return "its layers' experts differ";
          if (moe->router != mixtral_router) return "its router is not softmax, top-k, renormalised";
          if (moe->storage != ExpertStorage::separate) return "its experts share their weights";
          if (moe->shared_width > 0) return "it has a shared expert";
          if (!moe->gated) return "its experts are not gated";
          for (const int64_t width : moe->widths)
            if (width != moe->widths.front()) return "its experts have unequal widths";
        }
        return std::nullopt;
      },
      .write =
          [](const ModelSpec& spec) {
            const MoeSpec& moe = *moe_of(spec.blocks.front());
            Json config = {{"architectures", {"MixtralForCausalLM"}}, {"model_type", "mixtral"}};
            config.update(write_llama_shape(spec));
            config.erase("attention_bias");
            config["intermediate_size"] = moe.widths.front();
            config["hidden_act"] = write_activation(moe.activation);
            config["num_local_experts"] = moe.experts();
            config["num_experts_per_tok"] = moe.top_k;
            config["sliding_window"] = write_window(spec);
            return config;
          },
      .file_name = mixtral_file_name,
      .packed_file_name = packed_experts_name,  // there the router is mlp.gate too
  };
}

}  // namespace coppice
