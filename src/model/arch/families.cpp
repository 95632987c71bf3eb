#include "model/arch/families.h"

namespace coppice {

const Registry<Family>& families() {
  static const Registry<Family> all("model_type", {{"llama", llama_family()},
                                                   {"mixtral", mixtral_family()},
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
  ModelSpec spec = families().get(name).read(config, where);
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
