#pragma once
// Options of a method given as "key=value" words, read into a visitable struct: unknown keys, wrong types and values
// out of range are usage Errors that name the key.

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "base/fields.h"

namespace coppice::lab {

template <class T>
void parse_setting(const std::string& word, T& value, const std::string& where) {
  auto refuse = [&](const char* expected) {
    throw Error({.where = where, .found = "'" + word + "'", .expected = expected}, Fault::usage);
  };
  if constexpr (std::same_as<T, bool>) {
    if (word != "true" && word != "false") refuse("true or false");
    value = word == "true";
  } else if constexpr (NamedEnum<T>) {
    value = parse_enum<T>(word, where, Fault::usage);
  } else if constexpr (is_optional<T>) {
    parse_setting(word, value.emplace(), where);
  } else if constexpr (std::is_arithmetic_v<T>) {
    const char* end = word.data() + word.size();
    const auto [stop, code] = std::from_chars(word.data(), end, value);
    if (code != std::errc() || stop != end) refuse(std::integral<T> ? "a whole number" : "a number");
  } else {
    value = word;
  }
}

// `where` names the method.
template <Visitable Options>
Options parse_settings(const std::vector<std::string>& settings, const std::string& where) {
  Options options{};
  for (const auto& setting : settings) {
    const size_t equals = setting.find('=');
    if (equals == setting.npos)
      throw Error({.where = "--set", .found = "'" + setting + "'", .expected = "key=value"}, Fault::usage);
    const std::string key = setting.substr(0, equals), word = setting.substr(equals + 1);
    bool found = false;
    std::vector<std::string> known;
    Options::fields(options, [&](const char* name, auto& member, const Field& info) {
      known.emplace_back(name);
      if (key != name) return;
      found = true;
      const std::string path = where + "." + key;
      parse_setting(word, member, path);
      check_range(member, info, path, Fault::usage);
    });
    if (!found)
      throw Error(
          {.where = where, .found = fmt::format("unknown option '{}'", key), .advice = suggest(key, known)},
          Fault::usage);
  }
  return options;
}

}  // namespace coppice::lab
