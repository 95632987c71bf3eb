// Qwen 3, dense (Yang et al. 2025): Llama with RMSNorm on each query and key head, and windows from some
// layer on. The checkpoints of gated attention (Qiu et al. 2025) are Qwen 3 with further keys: the rows of the gates lie
// in q_proj, behind the queries of each key head.

#include "model/arch/llama.h"
#include "model/arch/windows.h"

namespace coppice {

namespace {

AttentionGate read_gate(const Json& config, const std::string& where) {
  const bool head = config_value(config, "headwise_attn_output_gate", false, where),
             element = config_value(config, "elementwise_attn_output_gate", false, where);
  if (head && element)
    throw Error({.where = where,
                 .found = "headwise_attn_output_gate and elementwise_attn_output_gate",
                 .expected = "one of them"});
  return head ? AttentionGate::head : element ? AttentionGate::element : AttentionGate::none;
}

// Queries and gates of each key head in turn.
TensorLayout gated_layout(const TensorSpec& tensor, const ModelSpec& spec) {
  const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
  const bool query = tensor.name.ends_with(".self_attn.q_proj.weight"),
             gate = tensor.name.ends_with(".self_attn.gate_proj.weight");
  if (attention.gate == AttentionGate::none || (!query && !gate)) return {};
  const int64_t queries = attention.heads * attention.head_dim;
  const int64_t gates = attention.gate == AttentionGate::head ? attention.heads : queries;
  return {.first_row = query ? 0 : queries / attention.kv_heads,
          .fused_rows = queries + gates,
          .parts = attention.kv_heads};
}

}  // namespace

Family qwen3_family() {
  return {
      .read =
          [](const Json& given, const std::string& where) {
            const Json config = with_defaults(given, {{"num_key_value_heads", 32},
                                                      {"head_dim", 128},
                                                      {"sliding_window", 4096},
                                                      {"max_position_embeddings", 32768}});
            std::set<std::string> keys = layer_window_keys();
            keys.insert({"attention_bias", "qkv_bias", "use_qk_norm", "headwise_attn_output_gate",
                         "elementwise_attn_output_gate"});
            const AttentionGate gate = read_gate(config, where);
            config_must_be(config, "qkv_bias", false, where);
            const bool normed = config_value(config, "use_qk_norm", true, where);
            ModelSpec spec = read_llama_shape(config, read_plain_ffn(config, where), keys, where);
            for (auto& block : spec.blocks) {
              auto& attention = std::get<AttentionSpec>(block.mixer);
              attention.qk_norm = normed ? QkNorm::head : QkNorm::none;
              attention.gate = gate;
              if (gate != AttentionGate::none && attention.qkv_bias)
                throw Error({.where = where,
                             .found = "attention_bias with gated attention",
                             .expected = "no biases: the gates' would lie among the queries'"});
            }
            read_layer_windows(config, spec, where);
            return spec;
          },
      .obstacle = [](const ModelSpec& spec) -> std::optional<std::string> {
        const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
        const bool gated = attention.gate != AttentionGate::none;
        const QkNorm norm = gated ? attention.qk_norm : QkNorm::head;
        if (norm == QkNorm::projection) return "its norms of queries and keys are others";
        if (auto obstacle = llama_shape_obstacle(spec, {.qk_norm = norm, .windows = true, .gated = gated}))
          return obstacle;
        if (gated && attention.qkv_bias) return "its attention has gates and biases";
        if (auto obstacle = layer_window_obstacle(spec)) return obstacle;
        return plain_ffn_obstacle(spec);
      },
      .write =
          [](const ModelSpec& spec) {
            Json config = write_plain_llama(spec, "Qwen3ForCausalLM", "qwen3");
            write_layer_windows(spec, config);
            const auto& attention = std::get<AttentionSpec>(spec.blocks.front().mixer);
            if (attention.gate == AttentionGate::none) return config;
            config["use_qk_norm"] = attention.qk_norm == QkNorm::head;
            config["headwise_attn_output_gate"] = attention.gate == AttentionGate::head;
            config["elementwise_attn_output_gate"] = attention.gate == AttentionGate::element;
            return config;
          },
      .file_name =
          [](const std::string& name) {
            return with_parts_renamed(name, {{".self_attn.gate_proj.", ".self_attn.q_proj."}});
          },
      .layout = gated_layout,
      .optional_prefix = "model.",
  };
}

}  // namespace coppice
