#include <charconv>
#include <cmath>

#include "base/error.h"
#include "format/gguf.h"

namespace coppice {
namespace {

constexpr const char* type_names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                      "bool", "string", "array", "u64", "i64", "f64"};
static_assert(std::size(type_names) == std::variant_size_v<GgufValue>);

template <class T>
inline constexpr bool is_whole = std::integral<T> && !std::same_as<T, bool>;

// 0.00001f is stored for 1e-5; the double nearest to the float would be 9.99999974737875e-06.
double shortest_decimal(float value) {
  if (!std::isfinite(value)) return value;
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

template <class T>
int64_t checked_integer(T value, const std::string& where) {
  if constexpr (std::same_as<T, uint64_t>)
    if (value > static_cast<uint64_t>(INT64_MAX))
      throw Error({.where = where, .found = fmt::format("{}", value), .expected = "at most 2^63 - 1"});
  return static_cast<int64_t>(value);
}

}  // namespace

size_t GgufArray::size() const {
  return std::visit([](const auto& list) { return list.size(); }, elements);
}

bool operator==(const GgufArray& a, const GgufArray& b) {
  return a.elements == b.elements;
}

const GgufValue* GgufMetadata::find(std::string_view key) const {
  for (const auto& [name, value] : entries_)
    if (name == key) return &value;
  return nullptr;
}

void GgufMetadata::add(std::string key, GgufValue value) {
  entries_.emplace_back(std::move(key), std::move(value));
}

template <class T>
const T* GgufMetadata::get(std::string_view key, const char* expected) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return nullptr;
  if (const T* right = std::get_if<T>(value)) return right;
  throw Error({.where = fmt::format("{}: {}", where_, key),
               .found = std::string("a value of type ") + type_names[value->index()],
               .expected = expected});
}

std::optional<int64_t> GgufMetadata::integer(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  const std::string where = fmt::format("{}: {}", where_, key);
  return std::visit(
      [&](const auto& held) -> int64_t {
        using T = std::decay_t<decltype(held)>;
        if constexpr (is_whole<T>) return checked_integer(held, where);
        throw Error({.where = where,
                     .found = std::string("a value of type ") + type_names[value->index()],
                     .expected = "a whole number"});
      },
      *value);
}

std::optional<double> GgufMetadata::number(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* single = std::get_if<float>(value)) return shortest_decimal(*single);
  if (const auto* wide = std::get_if<double>(value)) return *wide;
  return static_cast<double>(*integer(key));
}

std::optional<bool> GgufMetadata::flag(std::string_view key) const {
  const bool* value = get<bool>(key, "true or false");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<std::string> GgufMetadata::text(std::string_view key) const {
  const auto* value = get<std::string>(key, "a string");
  return value == nullptr ? std::nullopt : std::optional(*value);
}

const std::vector<std::string>* GgufMetadata::texts(std::string_view key) const {
  const auto* array = get<GgufArray>(key, "a list of strings");
  if (array == nullptr) return nullptr;
  if (const auto* list = std::get_if<std::vector<std::string>>(&array->elements)) return list;
  throw Error({.where = fmt::format("{}: {}", where_, key),
               .found = std::string("a list of type ") + type_names[array->elements.index()],
               .expected = "a list of strings"});
}

std::optional<std::vector<int64_t>> GgufMetadata::integers(std::string_view key) const {
  const auto* array = get<GgufArray>(key, "a list of whole numbers");
  if (array == nullptr) return std::nullopt;
  const std::string where = fmt::format("{}: {}", where_, key);
  return std::visit(
      [&](const auto& list) -> std::vector<int64_t> {
        using T = typename std::decay_t<decltype(list)>::value_type;
        if constexpr (is_whole<T>) {
          std::vector<int64_t> numbers;
          for (const T value : list) numbers.push_back(checked_integer(value, where));
          return numbers;
        }
        throw Error({.where = where,
                     .found = std::string("a list of type ") + type_names[array->elements.index()],
                     .expected = "a list of whole numbers"});
      },
      array->elements);
}

const std::vector<float>* GgufMetadata::floats(std::string_view key) const {
  const auto* array = get<GgufArray>(key, "a list of f32");
  if (array == nullptr) return nullptr;
  if (const auto* list = std::get_if<std::vector<float>>(&array->elements)) return list;
  throw Error({.where = fmt::format("{}: {}", where_, key),
               .found = std::string("a list of type ") + type_names[array->elements.index()],
               .expected = "a list of f32"});
}

namespace {

template <class T>
T required(std::optional<T> value, std::string_view key, const std::string& where) {
  if (value) return *std::move(value);
  throw Error({.where = where, .found = fmt::format("no key '{}'", key)});
}

}  // namespace

int64_t GgufMetadata::required_integer(std::string_view key) const {
  return required(integer(key), key, where_);
}

double GgufMetadata::required_number(std::string_view key) const {
  return required(number(key), key, where_);
}

std::string GgufMetadata::required_text(std::string_view key) const {
  return required(text(key), key, where_);
}

}  // namespace coppice
