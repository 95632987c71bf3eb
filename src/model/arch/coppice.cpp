// `model_type: coppice`: a whole ModelSpec, field by field (docs/formats.md), for what no published family
// can hold.

#include "model/arch/llama.h"

namespace coppice {

namespace {

constexpr int64_t coppice_format_version = 1;

// Besides format_version and spec, what other tools look for.
const std::vector<std::string> top_keys = {"architectures", "model_type", "format_version",      "spec",
                                           "torch_dtype",   "dtype",      "transformers_version"};

}  // namespace

Family coppice_family() {
  return {
      .read =
          [](const Json& config, const std::string& where) {
            for (const auto& [key, ignored] : config.items())
              if (std::find(top_keys.begin(), top_keys.end(), key) == top_keys.end())
                throw Error({.where = where,
                             .found = fmt::format("unknown key '{}'", key),
                             .advice = suggest(key, top_keys)});
            const auto version = config_required<int64_t>(config, "format_version", where);
            if (version != coppice_format_version)
              throw Error({.where = where + ".format_version",
                           .found = fmt::format("{}", version),
                           .expected = fmt::format("{}", coppice_format_version),
                           .advice = version > coppice_format_version ? "use a newer coppice" : ""});
            if (!config.contains("spec")) throw Error({.where = where, .found = "no 'spec'"});
            return from_json<ModelSpec>(config["spec"], where + ".spec");
          },
      .obstacle = [](const ModelSpec&) -> std::optional<std::string> { return std::nullopt; },
      .write =
          [](const ModelSpec& spec) {
            return Json{{"architectures", {"CoppiceForCausalLM"}},
                        {"model_type", "coppice"},
                        {"format_version", coppice_format_version},
                        {"spec", to_json(spec)}};
          },
      .file_name = [](const std::string& name) { return name; },
      .other_mixers = true,
      .scales = true,
      .words = true,
  };
}

}  // namespace coppice
