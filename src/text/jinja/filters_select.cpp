// Filters that look at or into every item: map, select, reject and those of attributes.

#include <algorithm>

#include <fmt/format.h>

#include "base/strings.h"
#include "text/jinja/builtins.h"
#include "text/jinja/operators.h"

namespace coppice::jinja {
namespace {

// The arguments behind the first `count`.
Arguments behind(const Arguments& arguments, size_t count) {
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(count),
                         arguments.positional.end());
  rest.named = arguments.named;
  return rest;
}

// What is false has no items, even if it could have none, as false itself.
Values items_if_any(const Value& value) {
  return truth(value) ? items_of(value) : Values{};
}

Value map(Interpreter& in, const Value& input, const Arguments& arguments) {
  Values result;
  if (arguments.positional.empty()) {
    const auto given = arguments.bind("map", {"attribute", "default"});
    if (!given[0]) throw Failure{"'map' without a filter and without an attribute", "one of them", ""};
    for (const auto& item : items_if_any(input)) {
      in.runtime().spend_steps(1);
      Value value = attribute_path(in, item, *given[0]);
      result.push_back(value.is_undefined() && given[1] ? *given[1] : std::move(value));
    }
    return make_list(std::move(result));
  }
  const Filter filter = find_filter(need_text(arguments.positional[0], "the name of a filter"));
  const Arguments rest = behind(arguments, 1);
  for (const auto& item : items_if_any(input)) {
    in.runtime().spend_steps(1);
    result.push_back(filter(in, item, rest));
  }
  return make_list(std::move(result));
}

// Items whose own value, or attribute, passes the test that is named; without a name, those that are true.
Value chosen(Interpreter& in, const Value& input, const Arguments& arguments, bool attribute, bool wanted) {
  const size_t before = attribute ? 1 : 0;
  if (arguments.positional.size() < before) throw Failure{"no attribute to look at", "its name", ""};
  const bool named = arguments.positional.size() > before;
  const Test test =
      named ? find_test(need_text(arguments.positional[before], "the name of a test")) : nullptr;
  const Arguments rest = named ? behind(arguments, before + 1) : Arguments{};
  Values result;
  for (const auto& item : items_if_any(input)) {
    in.runtime().spend_steps(1);
    const Value value = attribute ? attribute_path(in, item, arguments.positional[0]) : item;
    if ((test != nullptr ? test(in, value, rest) : truth(value)) == wanted) result.push_back(item);
  }
  return make_list(std::move(result));
}

template <bool attribute, bool wanted>
Value choose(Interpreter& in, const Value& input, const Arguments& arguments) {
  return chosen(in, input, arguments, attribute, wanted);
}

Value attribute(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("attr", {"name"});
  if (!given[0]) throw Failure{"'attr' without a name", "", ""};
  // The items of a dict are no attributes.
  const std::string& name = need_text(*given[0], "an attribute's name");
  if (input.is_dict() && find_method(input, name) == nullptr)
    return make_undefined("a dict's item as an attribute");
  return in.attribute(input, name);
}

}  // namespace

Value attribute_path(Interpreter& in, const Value& value, const Value& path) {
  if (path.is_integer()) return item(in.runtime(), value, path);
  Value current = value;
  for (const auto& name : split(need_text(path, "an attribute's name"), '.')) {
    const bool number = !name.empty() && name.size() < 10 &&
                        std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    const Value index = number ? Value(static_cast<int64_t>(std::stoll(name))) : Value(name);
    Value found = item(in.runtime(), current, index);
    current = found.is_undefined() && !number ? in.attribute(current, name) : std::move(found);
  }
  return current;
}

const Registry<Filter>& select_filters() {
  static const Registry<Filter> all("filter", {{"map", map},
                                               {"select", choose<false, true>},
                                               {"reject", choose<false, false>},
                                               {"selectattr", choose<true, true>},
                                               {"rejectattr", choose<true, false>},
                                               {"attr", attribute}});
  return all;
}

Filter find_filter(const std::string& name) {
  std::vector<std::string> known;
  for (const auto* registry : {&text_filters(), &number_filters(), &sequence_filters(), &select_filters()}) {
    if (const Filter* found = registry->find(name)) return *found;
    for (auto& other : registry->names()) known.push_back(std::move(other));
  }
  throw Failure{fmt::format("unknown filter '{}'", name), "", suggest(name, known)};
}

}  // namespace coppice::jinja
