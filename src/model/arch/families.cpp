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
                                                   {"deepseek", deepseek_family()},
                                                   {"deepseek_v2", deepseek_v2_family()},
                                                   {"deepseek_v3", deepseek_v3_family()},
                                                   {"PanguProMoE", pangu_pro_moe_family()},
                                                   {"pangu_ultra_moe", pangu_ultra_moe_family()},
                                                   {"coppice", coppice_family()}});
  return all;
}

ModelSpec spec_from_config(const Json& config, const std::string& where) {
  if (!config.is_object() || !config.contains("model_type") || !config["model_type"].is_string())
    throw Error({.where = where, .found = "no model_type", .expected = "the config.json of a Hugging Face model directory"});
  const std::string name = config["model_type"].get<std::string>();
  if (families().find(name) == nullptr) {
    std::string known;
    for (const auto& family : families().names()) known += (known.empty() ? "" : ", ") + family;
    throw Error({.where = where, .found = fmt::format("model_type '{}'", name), .expected = "one of: " + known});
  }
  // The field limits of ModelSpec hold for every family's files.
  ModelSpec spec = from_json<ModelSpec>(to_json(families().get(name).read(config, where)), where);
  spec.family = name;
  validate(spec, where);
  return spec;
}

std::string writable_family(const ModelSpec& spec) {
  const Family* own = families().find(spec.family);
  if (own != nullptr && !own->obstacle(spec)) return spec.family;
  for (const auto& [name, family] : families())
    if (!family.obstacle(spec)) return name;
  COPPICE_CHECK(false, "the coppice family holds every spec");
}

}  // namespace coppice
