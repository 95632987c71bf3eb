#include "model/arch/families.h"

namespace coppice {

const Registry<Family>& families() {
  static const Registry<Family> all("model_type", {{"llama", llama_family()},
                                                   {"mixtral", mixtral_family()},
                                                   {"mistral", mistral_family()},
                                                   {"qwen2", qwen2_family()},
                                                   {"qwen3", qwen3_family()},
                                                   {"qwen2_moe", qwen2_moe_family()},
                                                   {"qwen3_moe", qwen3_moe_family()},
                                                   {"olmoe", olmoe_family()},
                                                   {"olmo2", olmo2_family()},
                                                   {"phi", phi_family()},
                                                   {"gpt2", gpt2_family()},
                                                   {"opt", opt_family()},
                                                   {"lfm2", lfm2_family()},
                                                   {"lfm2_moe", lfm2_moe_family()},
                                                   {"bert", bert_family()},
                                                   {"roberta", roberta_family()},
                                                   {"xlm-roberta", xlm_roberta_family()},
                                                   {"distilbert", distilbert_family()},
                                                   {"modernbert", modernbert_family()},
                                                   {"t5", t5_family()},
                                                   {"mt5", mt5_family()},
                                                   {"umt5", umt5_family()},
                                                   {"deepseek", deepseek_family()},
                                                   {"deepseek_v2", deepseek_v2_family()},
                                                   {"deepseek_v3", deepseek_v3_family()},
                                                   {"PanguProMoE", pangu_pro_moe_family()},
                                                   {"pangu_ultra_moe", pangu_ultra_moe_family()},
                                                   {"phimoe", phimoe_family()},
                                                   {"grinmoe", grinmoe_family()},
                                                   {"minicpm", minicpm_family()},
                                                   {"coppice", coppice_family()}});
  return all;
}

ModelSpec spec_from_config(const Json& config, const std::string& where) {
  if (!config.is_object() || !config.contains("model_type") || !config["model_type"].is_string())
    throw Error({.where = where,
                 .found = "no model_type",
                 .expected = "the config.json of a Hugging Face model directory"});
  const std::string name = config["model_type"].get<std::string>();
  if (families().find(name) == nullptr) {
    std::string known;
    for (const auto& family : families().names()) known += (known.empty() ? "" : ", ") + family;
    throw Error(
        {.where = where, .found = fmt::format("model_type '{}'", name), .expected = "one of: " + known});
  }
  // The field limits of ModelSpec hold for every family's files.
  ModelSpec spec = from_json<ModelSpec>(to_json(families().get(name).read(config, where)), where);
  spec.family = name;
  validate(spec, where);
  return spec;
}

std::optional<std::string> obstacle_of(const Family& family, const ModelSpec& spec) {
  if (!family.other_mixers)
    for (const auto& block : spec.blocks)
      if (!std::holds_alternative<AttentionSpec>(block.mixer)) return "some layers have no attention";
  if (!family.scales && spec.embedding_scale != 1) return "its embeddings are scaled";
  if (!family.scales && spec.residual_scale != 1) return "what its blocks add is scaled";
  if (!family.words && spec.routing_vocabulary) return "its experts are chosen by words";
  return family.obstacle(spec);
}

namespace {

// Whether the spec comes back from the config.json that this family writes of it, but for what only tensors tell.
bool holds(const Family& family, const ModelSpec& spec) {
  if (obstacle_of(family, spec)) return false;
  if (family.complete) return !spec.encoder;
  try {
    ModelSpec again = family.read(family.write(spec), "config.json");
    again.family = spec.family;
    return again == spec;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

std::string writable_family(const ModelSpec& spec) {
  const Family* own = families().find(spec.family);
  if (own != nullptr && holds(*own, spec)) return spec.family;
  for (const auto& [name, family] : families())
    if (holds(family, spec)) return name;
  COPPICE_CHECK(false, "the coppice family holds every spec");
}

}  // namespace coppice
