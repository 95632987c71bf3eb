#include "cli/spec_settings.h"

#include "base/strings.h"

namespace coppice {

void apply_settings(Json& json, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos)
      throw Error({.where = "--set", .found = "'" + setting + "'", .expected = "KEY=VALUE"}, Fault::usage);
    Json* at = &json;
    for (const auto& key : split(setting.substr(0, equals), '.')) {
      if (!at->is_object() || !at->contains(key)) {
        std::vector<std::string> known;
        if (at->is_object())
          for (const auto& [name, member] : at->items()) known.push_back(name);
        throw Error(
            {.where = "--set " + setting, .found = "no key '" + key + "'", .advice = suggest(key, known)},
            Fault::usage);
      }
      at = &(*at)[key];
    }
    const std::string value = setting.substr(equals + 1);
    const Json parsed = Json::parse(value, nullptr, false);
    *at = parsed.is_discarded() || at->is_string() ? Json(value) : parsed;
  }
}

}  // namespace coppice
