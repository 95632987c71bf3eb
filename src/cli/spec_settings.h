#pragma once
// `--set a.b.c=VALUE` on any struct with fields.

#include <string>
#include <vector>

#include "base/fields.h"

namespace coppice {

// Puts settings into the JSON of a struct. A key that is not there is an Error of usage with the nearest.
void apply_settings(Json& json, const std::vector<std::string>& settings);

template <Visitable T>
void apply_settings(T& value, const std::vector<std::string>& settings) {
  Json json = to_json(value);
  apply_settings(json, settings);
  value = from_json<T>(json, "--set");
}

}  // namespace coppice
