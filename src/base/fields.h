#pragma once
// One visit per configuration struct is the single source of its names, help, limits and defaults:
//
//   struct RopeSpec {
//     double theta = 10000;
//     static void fields(auto& self, auto&& field) {
//       field("theta", self.theta, {.help = "base of the rotation periods", .min = 1});
//     }
//   };
//
// From it come reading (`from_json`: unknown keys, wrong types, values out of range and missing required keys are
// Errors that name the key), writing (`to_json`), documentation (`describe`), and the command line (cli/options.h).
//
// A field may be bool, an integer, a float, a string, a path, an enum with EnumNames, another such struct, a
// std::optional or std::vector of these, or a std::variant of structs that each have `static constexpr const char* kind`.

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/nearest.h"

namespace coppice {

struct Field {
  std::string help;
  std::optional<double> min, max;  // inclusive, for numbers and for every element of a vector of numbers
  bool above_min = false;          // `min` itself is excluded
  bool required = false;
  bool positional = false;  // on a command line: by place, not by --name
  std::string value_name;   // in help: FILE, DIR, N …
  std::string short_name;   // on a command line: -o
};

// Names of an enum's values: specialise with
//   static constexpr auto values = std::to_array<std::pair<E, const char*>>({{E::a, "a"}, …});
template <class E>
struct EnumNames;

template <class E>
concept NamedEnum = std::is_enum_v<E> && requires {
  EnumNames<E>::values;
};

struct IgnoreFields {
  template <class T>
  void operator()(const char*, T&, const Field&) const {}
};

template <class T>
concept Visitable = std::is_class_v<T> && requires(T& value, IgnoreFields ignore) {
  T::fields(value, ignore);
};

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;

template <NamedEnum E>
std::vector<std::string> enum_names() {
  std::vector<std::string> names;
  for (const auto& [value, name] : EnumNames<E>::values) names.emplace_back(name);
  return names;
}

template <NamedEnum E>
std::string to_string(E value) {
  for (const auto& [known, name] : EnumNames<E>::values)
    if (known == value) return name;
  return "?";
}

template <NamedEnum E>
E parse_enum(std::string_view text, const std::string& where, Fault fault = Fault::input) {
  for (const auto& [value, name] : EnumNames<E>::values)
    if (text == name) return value;
  throw Error({.where = where, .found = fmt::format("'{}'", text), .advice = suggest(text, enum_names<E>())},
              fault);
}

// The name of a field's type as documentation shows it.
template <class T>
std::string type_name() {
  if constexpr (std::same_as<T, bool>)
    return "bool";
  else if constexpr (std::integral<T>)
    return "int";
  else if constexpr (std::floating_point<T>)
    return "float";
  else if constexpr (std::same_as<T, std::string>)
    return "string";
  else if constexpr (std::same_as<T, std::filesystem::path>)
    return "path";
  else if constexpr (NamedEnum<T>) {
    std::string names;
    for (const auto& name : enum_names<T>()) names += (names.empty() ? "" : "|") + name;
    return names;
  } else if constexpr (is_optional<T>)
    return type_name<typename T::value_type>();
  else if constexpr (is_vector<T>)
    return "list of " + type_name<typename T::value_type>();
  else
    return "object";
}

// Throws unless `value` lies within the field's limits.
template <class T>
void check_range(const T& value, const Field& info, const std::string& where, Fault fault = Fault::input) {
  if constexpr (is_optional<T>) {
    if (value) check_range(*value, info, where, fault);
  } else if constexpr (is_vector<T>) {
    for (const auto& element : value) check_range(element, info, where, fault);
  } else if constexpr (std::is_arithmetic_v<T> && !std::same_as<T, bool>) {
    const auto number = static_cast<double>(value);
    const bool low = info.min && (info.above_min ? !(number > *info.min) : !(number >= *info.min));
    const bool high = info.max && !(number <= *info.max);
    if (!low && !high) return;
    std::string expected = "a number";
    if (info.min) expected += fmt::format(" {} {}", info.above_min ? "above" : "of at least", *info.min);
    if (info.max) expected += fmt::format("{} at most {}", info.min ? " and" : "", *info.max);
    throw Error({.where = where, .found = fmt::format("{}", value), .expected = expected}, fault);
  }
}

template <class T>
Json to_json(const T& value) {
  if constexpr (Visitable<T>) {
    Json json = Json::object();
    T::fields(value,
              [&json](const char* name, const auto& member, const Field&) { json[name] = to_json(member); });
    return json;
  } else if constexpr (NamedEnum<T>) {
    return to_string(value);
  } else if constexpr (is_optional<T>) {
    return value ? to_json(*value) : Json();
  } else if constexpr (is_vector<T>) {
    Json json = Json::array();
    for (const auto& element : value) json.push_back(to_json(element));
    return json;
  } else if constexpr (is_variant<T>) {
    return std::visit(
        [](const auto& alternative) {
          Json json = {{"kind", std::decay_t<decltype(alternative)>::kind}};
          json.update(to_json(alternative));
          return json;
        },
        value);
  } else if constexpr (std::same_as<T, std::filesystem::path>) {
    return value.string();
  } else {
    return value;
  }
}

template <class T>
void from_json(const Json& json, T& value, const std::string& where);

template <class T, size_t I = 0>
void variant_from_json(const Json& json, const std::string& kind, T& value, const std::string& where) {
  if constexpr (I == std::variant_size_v<T>) {
    throw Error({.where = where, .found = fmt::format("unknown kind '{}'", kind)});
  } else {
    using Alternative = std::variant_alternative_t<I, T>;
    if (kind != Alternative::kind) return variant_from_json<T, I + 1>(json, kind, value, where);
    Json rest = json;
    rest.erase("kind");
    Alternative alternative;
    from_json(rest, alternative, where);
    value = std::move(alternative);
  }
}

// Reads `json` into `value`, keeping defaults for keys that are absent. `where` prefixes error messages.
template <class T>
void from_json(const Json& json, T& value, const std::string& where) {
  auto expect = [&](bool right, const char* expected) {
    if (!right) throw Error({.where = where, .found = to_line(json).substr(0, 60), .expected = expected});
  };
  if constexpr (Visitable<T>) {
    expect(json.is_object(), "an object");
    std::vector<std::string> known;
    T::fields(value, [&](const char* name, auto& member, const Field& info) {
      known.emplace_back(name);
      const std::string path = where + "." + name;
      const auto found = json.find(name);
      if (found == json.end()) {
        if (info.required) throw Error({.where = path, .found = "missing", .expected = info.help});
        return;
      }
      from_json(*found, member, path);
      check_range(member, info, path);
    });
    for (const auto& [key, ignored] : json.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        throw Error(
            {.where = where, .found = fmt::format("unknown key '{}'", key), .advice = suggest(key, known)});
  } else if constexpr (NamedEnum<T>) {
    expect(json.is_string(), "a string");
    value = parse_enum<T>(json.get<std::string>(), where);
  } else if constexpr (is_optional<T>) {
    if (json.is_null()) return value.reset();
    from_json(json, value.emplace(), where);
  } else if constexpr (is_vector<T>) {
    expect(json.is_array(), "a list");
    value.clear();
    for (size_t i = 0; i < json.size(); ++i) {
      typename T::value_type element{};
      from_json(json[i], element, fmt::format("{}[{}]", where, i));
      value.push_back(std::move(element));
    }
  } else if constexpr (is_variant<T>) {
    expect(json.is_object() && json.contains("kind") && json["kind"].is_string(), "an object with a 'kind'");
    variant_from_json(json, json["kind"].get<std::string>(), value, where);
  } else if constexpr (std::same_as<T, bool>) {
    expect(json.is_boolean(), "true or false");
    value = json.get<bool>();
  } else if constexpr (std::integral<T>) {
    const bool whole = json.is_number_integer() ||
                       (json.is_number_float() && std::nearbyint(json.get<double>()) == json.get<double>());
    expect(whole, "a whole number");
    const auto number = json.get<double>();
    expect(number >= static_cast<double>(std::numeric_limits<T>::min()) &&
               number < std::ldexp(1.0, std::numeric_limits<T>::digits),
           "a number that fits");
    value = json.is_number_float() ? static_cast<T>(number) : json.get<T>();
  } else if constexpr (std::floating_point<T>) {
    expect(json.is_number(), "a number");
    value = json.get<T>();
  } else if constexpr (std::same_as<T, std::filesystem::path>) {
    expect(json.is_string(), "a string");
    value = json.get<std::string>();
  } else {
    expect(json.is_string(), "a string");
    value = json.get<std::string>();
  }
}

template <class T>
T from_json(const Json& json, const std::string& where) {
  T value{};
  from_json(json, value, where);
  return value;
}

struct FieldDoc {
  std::string name, type, fallback;
  Field info;
};

// What documentation needs to know of every field of T.
template <Visitable T>
std::vector<FieldDoc> describe() {
  std::vector<FieldDoc> docs;
  const T defaults{};
  T::fields(defaults, [&docs](const char* name, const auto& member, const Field& info) {
    using Member = std::decay_t<decltype(member)>;
    docs.push_back({name, type_name<Member>(), info.required ? "" : to_line(to_json(member)), info});
  });
  return docs;
}

}  // namespace coppice
