// Methods of strings, dicts, lists and numbers, as Python's.

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "text/jinja/builtins.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/utf8.h"

namespace coppice::jinja {
namespace {

using Given = std::vector<std::optional<Value>>;

bool is_given(const std::optional<Value>& value) {
  return value && !value->is<None>();
}

// Strips white space, or the characters of the argument.
template <bool left, bool right>
Value strip(Runtime&, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("strip", {"chars"});
  std::string_view text = object.text();
  if (!is_given(given[0])) {
    if (left) text.remove_prefix(leading_space(text));
    if (right) text.remove_suffix(trailing_space(text));
    return text;
  }
  const std::string& characters = need_text(*given[0], "the characters to strip");
  const auto strips = [&](std::string_view character) {
    return characters.find(character) != std::string::npos;
  };
  while (left && !text.empty() && strips(text.substr(0, utf8_length(text[0]))))
    text.remove_prefix(utf8_length(text[0]));
  while (right && !text.empty() && strips(text.substr(previous_character(text, text.size()))))
    text.remove_suffix(text.size() - previous_character(text, text.size()));
  return text;
}

Value split_at_spaces(Runtime& runtime, std::string_view text, int64_t count, bool from_right) {
  Values parts;
  const auto add = [&](std::string_view part) {
    runtime.spend_bytes(part.size() + sizeof(Value));
    parts.emplace_back(part);
  };
  text.remove_prefix(leading_space(text));
  if (from_right || count < 0) text.remove_suffix(trailing_space(text));
  while (!text.empty() && count-- != 0) {
    size_t begin = 0, end = 0;
    if (from_right) {
      begin = end = text.size();
      while (begin > 0 && trailing_space(text.substr(previous_character(text, begin),
                                                     begin - previous_character(text, begin))) == 0)
        begin = previous_character(text, begin);
      add(text.substr(begin));
      text = text.substr(0, begin);
      text.remove_suffix(trailing_space(text));
    } else {
      for (size_t at = 0; at < text.size(); end = at)
        if (is_python_space(next_character(text, at))) break;
      add(text.substr(0, end));
      text.remove_prefix(end);
      text.remove_prefix(leading_space(text));
    }
  }
  if (!text.empty()) add(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return make_list(std::move(parts));
}

template <bool from_right>
Value split(Runtime& runtime, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("split", {"sep", "maxsplit"});
  int64_t count = given[1] ? need_integer(*given[1], "the number of splits") : -1;
  std::string_view text = object.text();
  if (!is_given(given[0])) return split_at_spaces(runtime, text, count, from_right);
  const std::string& separator = need_text(*given[0], "the separator");
  if (separator.empty()) throw Failure{"an empty separator", "at least one character", ""};
  Values parts;
  while (count-- != 0) {
    const size_t found = from_right ? text.rfind(separator) : text.find(separator);
    if (found == text.npos) break;
    runtime.spend_bytes(sizeof(Value));
    parts.emplace_back(from_right ? text.substr(found + separator.size()) : text.substr(0, found));
    text = from_right ? text.substr(0, found) : text.substr(found + separator.size());
  }
  parts.emplace_back(text);
  runtime.spend_bytes(object.text().size());
  if (from_right) std::reverse(parts.begin(), parts.end());
  return make_list(std::move(parts));
}

Value split_into_lines(Runtime& runtime, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("splitlines", {"keepends"});
  Values parts;
  for (auto& line : split_lines(object.text(), given[0] && truth(*given[0]))) {
    runtime.spend_bytes(line.size() + sizeof(Value));
    parts.emplace_back(std::move(line));
  }
  return make_list(std::move(parts));
}

template <bool last>
Value partition(Runtime& runtime, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("partition", {"sep"});
  const std::string &text = object.text(), separator = need_text(given[0].value_or(Value()), "the separator");
  if (separator.empty()) throw Failure{"an empty separator", "at least one character", ""};
  runtime.spend_bytes(text.size());
  const size_t found = last ? text.rfind(separator) : text.find(separator);
  if (found == text.npos) return last ? make_tuple({"", "", text}) : make_tuple({text, "", ""});
  return make_tuple({text.substr(0, found), separator, text.substr(found + separator.size())});
}

template <bool begin>
Value has_affix(Runtime& runtime, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind(begin ? "startswith" : "endswith", {"affix", "start", "end"});
  const Value whole = given[1] || given[2] ? slice(runtime, object, given[1].value_or(None{}),
                                                   given[2].value_or(None{}), None{})
                                           : object;
  const Value affix = given[0].value_or(Value());
  const Values several = affix.is_list() && affix.list().tuple ? affix.list().items : Values{affix};
  return std::any_of(several.begin(), several.end(), [&](const Value& one) {
    const std::string& text = need_text(one, begin ? "what a string starts with" : "what a string ends with");
    return begin ? whole.text().starts_with(text) : whole.text().ends_with(text);
  });
}

template <bool begin>
Value without_affix(Runtime&, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("removeprefix", {"affix"});
  std::string_view text = object.text();
  const std::string& affix = need_text(given[0].value_or(Value()), "what to remove");
  if (begin && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (!begin && text.ends_with(affix)) text.remove_suffix(affix.size());
  return text;
}

template <std::string (*change)(std::string_view)>
Value changed(Runtime& runtime, const Value& object, const Arguments& arguments) {
  arguments.bind("the method", {});
  runtime.spend_bytes(object.text().size());
  return change(object.text());
}

Value replace(Runtime& runtime, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("replace", {"old", "new", "count"});
  return replace_all(runtime, object.text(), need_text(given[0].value_or(Value()), "what to replace"),
                     need_text(given[1].value_or(Value()), "what to replace it by"),
                     given[2] ? need_integer(*given[2], "a count") : -1);
}

// The character at which the argument begins, or -1.
template <bool last, bool must>
Value find(Runtime&, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("find", {"sub"});
  const std::string &text = object.text(), &part = need_text(given[0].value_or(Value()), "what to find");
  const size_t found = last ? text.rfind(part) : text.find(part);
  if (found != text.npos) return count_characters(std::string_view(text).substr(0, found));
  if (must) throw Failure{fmt::format("'{}' not found in a string", part), "", ""};
  return -1;
}

Value count(Runtime&, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("count", {"sub"});
  const std::string &text = object.text(), &part = need_text(given[0].value_or(Value()), "what to count");
  if (part.empty()) return count_characters(text) + 1;
  int64_t count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

Value join(Runtime& runtime, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("join", {"iterable"});
  std::string out;
  bool first = true;
  for (const auto& item : items_of(given[0].value_or(Value()))) {
    const std::string& text = need_text(item, "a part to join");
    runtime.spend_bytes(text.size() + object.text().size());
    if (!first) out += object.text();
    first = false;
    out += text;
  }
  return out;
}

// True if there are characters and all have the property.
template <bool (*property)(char32_t)>
Value all_are(Runtime&, const Value& object, const Arguments& arguments) {
  arguments.bind("the method", {});
  const std::string& text = object.text();
  for (size_t at = 0; at < text.size();)
    if (!property(next_character(text, at))) return false;
  return !text.empty();
}

bool is_alphanumeric(char32_t c) {
  return is_letter(c) || is_number(c);
}

Value is_upper(Runtime&, const Value& object, const Arguments& arguments) {
  arguments.bind("isupper", {});
  return upper_case(object.text()) == object.text() && lower_case(object.text()) != object.text();
}

Value is_lower(Runtime&, const Value& object, const Arguments& arguments) {
  arguments.bind("islower", {});
  return lower_case(object.text()) == object.text() && upper_case(object.text()) != object.text();
}

// Padded to a width in characters: on the right, the left, or both sides.
template <int side>
Value padded(Runtime& runtime, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("ljust", {"width", "fillchar"});
  const std::string fill = given[1] ? need_text(*given[1], "the filling character") : " ";
  if (count_characters(fill) != 1) throw Failure{"a filling of several characters", "one", ""};
  const int64_t length = count_characters(object.text());
  const int64_t width = need_integer(given[0].value_or(Value()), "a width");
  const int64_t missing = width > length ? width - length : 0;
  const int64_t before = side < 0 ? 0 : side > 0 ? missing : missing / 2 + (missing & width & 1);
  runtime.spend_bytes(static_cast<size_t>(std::min<int64_t>(missing, int64_t{1} << 40)) * fill.size());
  std::string out;
  for (int64_t i = 0; i < before; ++i) out += fill;
  out += object.text();
  for (int64_t i = before; i < missing; ++i) out += fill;
  return out;
}

Value zero_filled(Runtime& runtime, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("zfill", {"width"});
  const std::string& text = object.text();
  const size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const int64_t width = need_integer(given[0].value_or(Value()), "a width");
  const int64_t missing = std::max<int64_t>(0, width > 0 ? width - count_characters(text) : 0);
  runtime.spend_bytes(static_cast<size_t>(std::min<int64_t>(missing, int64_t{1} << 40)));
  return text.substr(0, sign) + std::string(static_cast<size_t>(missing), '0') + text.substr(sign);
}

// "{} and {name}".format(…), without the mini-language behind a colon.
Value format(Runtime& runtime, const Value& object, const Arguments& arguments) {
  const std::string& text = object.text();
  std::string out;
  size_t next = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '{' && c != '}') {
      out += c;
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == c) {
      out += c;
      ++i;
      continue;
    }
    const size_t end = c == '{' ? text.find('}', i) : text.npos;
    if (end == text.npos) throw Failure{fmt::format("a '{}' alone in a format", c), "{} or two of them", ""};
    const std::string field = text.substr(i + 1, end - i - 1);
    i = end;
    const Value* value = nullptr;
    const bool number =
        !field.empty() && field.size() < 10 && field.find_first_not_of("0123456789") == field.npos;
    if (field.empty() || number) {
      const size_t at = number ? std::stoul(field) : next++;
      if (at < arguments.positional.size()) value = &arguments.positional[at];
    } else {
      for (const auto& [name, named] : arguments.named)
        if (name == field) value = &named;
    }
    if (value == nullptr)
      throw Failure{fmt::format("the field '{{{}}}' of a format", field), "an argument's name or number", ""};
    out += text_of(runtime, *value);
  }
  runtime.spend_bytes(out.size());
  return out;
}

const Registry<Method>& text_methods() {
  static const Registry<Method> all("method", {{"strip", strip<true, true>},
                                               {"lstrip", strip<true, false>},
                                               {"rstrip", strip<false, true>},
                                               {"split", split<false>},
                                               {"rsplit", split<true>},
                                               {"splitlines", split_into_lines},
                                               {"partition", partition<false>},
                                               {"rpartition", partition<true>},
                                               {"startswith", has_affix<true>},
                                               {"endswith", has_affix<false>},
                                               {"removeprefix", without_affix<true>},
                                               {"removesuffix", without_affix<false>},
                                               {"upper", changed<upper_case>},
                                               {"lower", changed<lower_case>},
                                               {"casefold", changed<lower_case>},
                                               {"title", changed<title_case>},
                                               {"capitalize", changed<capitalized>},
                                               {"replace", replace},
                                               {"find", find<false, false>},
                                               {"rfind", find<true, false>},
                                               {"index", find<false, true>},
                                               {"rindex", find<true, true>},
                                               {"count", count},
                                               {"join", join},
                                               {"format", format},
                                               {"isspace", all_are<is_python_space>},
                                               {"isalpha", all_are<is_letter>},
                                               {"isdigit", all_are<is_number>},
                                               {"isnumeric", all_are<is_number>},
                                               {"isdecimal", all_are<is_number>},
                                               {"isalnum", all_are<is_alphanumeric>},
                                               {"isupper", is_upper},
                                               {"islower", is_lower},
                                               {"ljust", padded<-1>},
                                               {"rjust", padded<1>},
                                               {"center", padded<0>},
                                               {"zfill", zero_filled}});
  return all;
}

Value dict_get(Runtime& runtime, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("get", {"key", "default"});
  if (!given[0]) throw Failure{"'get' without a key", "", ""};
  runtime.spend_steps(static_cast<int64_t>(object.dict().items.size() / 8));
  const Value* found = object.dict().find(*given[0]);
  return found != nullptr ? *found : given[1].value_or(None{});
}

enum class DictPart { keys, values, items };

template <DictPart part>
Value dict_parts(Runtime& runtime, const Value& object, const Arguments& arguments) {
  arguments.bind("the method", {});
  runtime.spend_bytes(object.dict().items.size() * sizeof(Value));
  Values parts;
  for (const auto& [key, value] : object.dict().items)
    parts.push_back(part == DictPart::keys     ? key
                    : part == DictPart::values ? value
                                               : make_tuple({key, value}));
  return make_list(std::move(parts));
}

Value copy(Runtime&, const Value& object, const Arguments& arguments) {
  arguments.bind("copy", {});
  return object;
}

const Registry<Method>& dict_methods() {
  static const Registry<Method> all("method", {{"get", dict_get},
                                               {"items", dict_parts<DictPart::items>},
                                               {"keys", dict_parts<DictPart::keys>},
                                               {"values", dict_parts<DictPart::values>},
                                               {"copy", copy}});
  return all;
}

Value list_index(Runtime&, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("index", {"value"});
  const Values& items = object.list().items;
  for (size_t i = 0; i < items.size(); ++i)
    if (equal(items[i], given[0].value_or(Value()))) return static_cast<int64_t>(i);
  throw Failure{"a value that is not in the list", "", ""};
}

Value list_count(Runtime&, const Value& object, const Arguments& arguments) {
  const Given given = arguments.bind("count", {"value"});
  const Values& items = object.list().items;
  return static_cast<int64_t>(std::count_if(items.begin(), items.end(), [&](const Value& item) {
    return equal(item, given[0].value_or(Value()));
  }));
}

const Registry<Method>& list_methods() {
  static const Registry<Method> all("method", {{"index", list_index}, {"count", list_count}, {"copy", copy}});
  return all;
}

Value is_whole(Runtime&, const Value& object, const Arguments& arguments) {
  arguments.bind("is_integer", {});
  return object.is_integer() || std::trunc(object.number()) == object.number();
}

const Registry<Method>& number_methods() {
  static const Registry<Method> all("method", {{"is_integer", is_whole}});
  return all;
}

// Changing a list or dict in place is what the sandbox of Transformers refuses, too.
void refuse_changes(const Value& object, const std::string& name) {
  static const std::vector<std::string> list_changes = {"append", "extend",  "insert", "pop",
                                                        "remove", "reverse", "sort",   "clear"};
  static const std::vector<std::string> dict_changes = {"clear", "pop", "popitem", "setdefault", "update"};
  const auto& changes = object.is_dict() ? dict_changes : list_changes;
  if (std::find(changes.begin(), changes.end(), name) == changes.end()) return;
  throw Failure{fmt::format("'{}', which would change a {}", name, type_name(object)),
                "methods that change nothing", object.is_dict() ? "" : "lists are joined with '+'"};
}

}  // namespace

Method find_method(const Value& object, const std::string& name) {
  const Registry<Method>* methods = object.is_text()     ? &text_methods()
                                    : object.is_dict()   ? &dict_methods()
                                    : object.is_list()   ? &list_methods()
                                    : object.is_number() ? &number_methods()
                                                         : nullptr;
  if (methods == nullptr) return nullptr;
  if (const Method* found = methods->find(name)) return *found;
  if ((object.is_list() && !object.list().tuple) || object.is_dict()) refuse_changes(object, name);
  return nullptr;
}

}  // namespace coppice::jinja
