#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include <fmt/format.h>

#include "text/utf8.h"

namespace coppice::jinja {
namespace {

// They are looked for one by one.
constexpr size_t max_keys_without_text = 1000;

void include(Extent& whole, const Value& part) {
  const Extent extent = extent_of(part);
  whole.depth = std::max(whole.depth, extent.depth + 1);
  whole.values += extent.values;
  if (whole.depth > max_value_depth)
    throw Failure{"lists and dicts nested too deeply", fmt::format("at most {} levels", max_value_depth), ""};
  if (whole.values > max_value_extent)
    throw Failure{"a list or dict of too many values", fmt::format("at most {}", max_value_extent), ""};
}

Value make_sequence(Values items, bool tuple) {
  Extent extent{.depth = 1};
  for (const auto& item : items) include(extent, item);
  return std::make_shared<const List>(List{std::move(items), tuple, extent});
}

// Exact, where a conversion to double would round.
int compare_numbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) {
    const int64_t x = a.integer(), y = b.integer();
    return x < y ? -1 : x > y;
  }
  const double x = a.number(), y = b.number();
  return x < y ? -1 : x > y;
}

}  // namespace

const Value* Dict::find(const Value& key) const {
  for (const auto& [known, value] : items)
    if (equal(known, key)) return &value;
  return nullptr;
}

Extent extent_of(const Value& value) {
  return value.is_list() ? value.list().extent : value.is_dict() ? value.dict().extent : Extent{};
}

Value make_list(Values items) {
  return make_sequence(std::move(items), false);
}

Value make_tuple(Values items) {
  return make_sequence(std::move(items), true);
}

Value make_dict(Pairs items) {
  Dict dict;
  dict.extent.depth = 1;
  std::unordered_map<std::string, size_t> texts;  // where the keys that are texts stand
  for (auto& [key, value] : items) {
    if (key.is_dict() || (key.is_list() && !key.list().tuple))
      throw Failure{fmt::format("a {} as a dict's key", type_name(key)), "a string or a number", ""};
    include(dict.extent, key);
    include(dict.extent, value);
    size_t at = dict.items.size();
    if (key.is_text()) {
      at = texts.emplace(key.text(), at).first->second;
    } else if (const Value* known = dict.find(key)) {
      while (&dict.items[--at].second != known) continue;
    } else if (dict.items.size() - texts.size() >= max_keys_without_text) {
      throw Failure{"a dict of too many keys that are no strings",
                    fmt::format("at most {}", max_keys_without_text), ""};
    }
    if (at == dict.items.size())
      dict.items.emplace_back(std::move(key), std::move(value));
    else
      dict.items[at].second = std::move(value);
  }
  return std::make_shared<const Dict>(std::move(dict));
}

Value make_undefined(std::string hint) {
  return Undefined{std::make_shared<const std::string>(std::move(hint))};
}

Value from_json(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return None{};
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_integer:
      return json.get<int64_t>();
    case Json::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        throw Failure{fmt::format("the number {}", json.get<uint64_t>()),
                      "one of at most 64 bits with its sign", ""};
      return json.get<int64_t>();
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string:
      return json.get<std::string>();
    case Json::value_t::array: {
      Values items;
      for (const auto& item : json) items.push_back(from_json(item));
      return make_list(std::move(items));
    }
    case Json::value_t::object: {
      // Keys of a JSON object are known to differ.
      Dict dict;
      dict.extent.depth = 1;
      for (const auto& [key, item] : json.items()) {
        dict.items.emplace_back(key, from_json(item));
        include(dict.extent, dict.items.back().second);
      }
      return std::make_shared<const Dict>(std::move(dict));
    }
    default:
      throw Failure{"a value that is no JSON", "", ""};
  }
}

std::string type_name(const Value& value) {
  if (value.is_undefined()) return "undefined";
  if (value.is<None>()) return "None";
  if (value.is<bool>()) return "bool";
  if (value.is<int64_t>()) return "int";
  if (value.is<double>()) return "float";
  if (value.is_text()) return "str";
  if (value.is_dict()) return "dict";
  if (value.is_list()) return value.list().tuple ? "tuple" : "list";
  return value.object()->kind();
}

bool truth(const Value& value) {
  if (value.is_undefined() || value.is<None>()) return false;
  if (value.is_number()) return value.number() != 0;
  if (value.is_text()) return !value.text().empty();
  if (value.is_list()) return !value.list().items.empty();
  if (value.is_dict()) return !value.dict().items.empty();
  return true;
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number())
    return compare_numbers(a, b) == 0 && !std::isnan(a.number()) && !std::isnan(b.number());
  if (a.is_text() && b.is_text()) return a.text() == b.text();
  if (a.is_list() && b.is_list())
    return a.list().tuple == b.list().tuple &&
           std::equal(a.list().items.begin(), a.list().items.end(), b.list().items.begin(),
                      b.list().items.end(), equal);
  if (a.is_dict() && b.is_dict()) {
    if (a.dict().items.size() != b.dict().items.size()) return false;
    return std::all_of(a.dict().items.begin(), a.dict().items.end(), [&b](const auto& item) {
      const Value* other = b.dict().find(item.first);
      return other != nullptr && equal(item.second, *other);
    });
  }
  if (a.is<None>() && b.is<None>()) return true;
  if (a.is_undefined() && b.is_undefined()) return true;
  return a.object() != nullptr && a.object() == b.object();
}

int compare(const Value& a, const Value& b) {
  need_defined(a);
  need_defined(b);
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  // The order of UTF-8 bytes is that of the characters.
  if (a.is_text() && b.is_text()) return a.text() < b.text() ? -1 : a.text() > b.text();
  if (a.is_list() && b.is_list() && a.list().tuple == b.list().tuple) {
    const Values &x = a.list().items, &y = b.list().items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
      if (!equal(x[i], y[i])) return compare(x[i], y[i]);
    return x.size() < y.size() ? -1 : x.size() > y.size();
  }
  throw Failure{fmt::format("a comparison of {} and {}, which have no order", type_name(a), type_name(b)), "",
                ""};
}

Values items_of(const Value& value) {
  if (value.is_undefined()) return {};
  if (value.is_list()) return value.list().items;
  Values items;
  if (value.is_dict()) {
    for (const auto& item : value.dict().items) items.push_back(item.first);
    return items;
  }
  if (value.is_text()) {
    const std::string& text = value.text();
    for (size_t at = 0; at < text.size();) {
      const size_t length = utf8_length(text[at]);
      items.emplace_back(text.substr(at, length));
      at += length;
    }
    return items;
  }
  throw Failure{fmt::format("{}, which has no items", type_name(value)), "a list, a dict or a string", ""};
}

void need_defined(const Value& value) {
  if (!value.is_undefined()) return;
  const auto& hint = value.undefined().hint;
  throw Failure{hint ? *hint : "an undefined value", "", ""};
}

}  // namespace coppice::jinja
