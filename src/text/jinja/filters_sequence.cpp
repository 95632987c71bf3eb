// Filters of lists and dicts as wholes.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/strings.h"
#include "text/jinja/builtins.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/utf8.h"

namespace coppice::jinja {
namespace {

Value length(Interpreter&, const Value& input, const Arguments& arguments) {
  arguments.bind("length", {});
  if (input.is_text()) return count_characters(input.text());
  if (input.is_dict()) return static_cast<int64_t>(input.dict().items.size());
  if (input.is_list()) return static_cast<int64_t>(input.list().items.size());
  if (input.is_undefined()) return 0;
  throw Failure{fmt::format("the length of {}", type_name(input)), "a list, a dict or a string", ""};
}

Value first(Interpreter&, const Value& input, const Arguments& arguments) {
  arguments.bind("first", {});
  Values items = items_of(input);
  return items.empty() ? make_undefined("the first item of nothing") : std::move(items.front());
}

Value last(Interpreter&, const Value& input, const Arguments& arguments) {
  arguments.bind("last", {});
  Values items = items_of(input);
  return items.empty() ? make_undefined("the last item of nothing") : std::move(items.back());
}

Value list(Interpreter& in, const Value& input, const Arguments& arguments) {
  arguments.bind("list", {});
  Values items = items_of(input);
  in.runtime().spend_bytes(items.size() * sizeof(Value));
  return make_list(std::move(items));
}

Value items(Interpreter&, const Value& input, const Arguments& arguments) {
  arguments.bind("items", {});
  if (input.is_undefined()) return make_list({});
  if (!input.is_dict()) throw Failure{fmt::format("items of {}", type_name(input)), "a dict", ""};
  Values pairs;
  for (const auto& [key, value] : input.dict().items) pairs.push_back(make_tuple({key, value}));
  return make_list(std::move(pairs));
}

Value reverse(Interpreter& in, const Value& input, const Arguments& arguments) {
  arguments.bind("reverse", {});
  Values values = items_of(input);
  in.runtime().spend_bytes(values.size() * sizeof(Value));
  std::reverse(values.begin(), values.end());
  if (!input.is_text()) return make_list(std::move(values));
  std::string text;
  for (const auto& character : values) text += character.text();
  return text;
}

// What items are ordered by: the item or its attribute, texts without regard to case unless asked for.
class Keys {
 public:
  Keys(Interpreter& in, bool case_sensitive, const std::optional<Value>& attribute)
      : in_(in), case_sensitive_(case_sensitive), attribute_(attribute) {}

  Value operator()(const Value& item) const {
    in_.runtime().spend_steps(1);
    // "a,b" orders by a, then by b.
    Value key = item;
    if (attribute_ && attribute_->is_text() && attribute_->text().find(',') != std::string::npos) {
      Values parts;
      for (const auto& name : split(attribute_->text(), ','))
        parts.push_back(folded(attribute_path(in_, item, name)));
      return make_list(std::move(parts));
    }
    if (attribute_ && !attribute_->is<None>()) key = attribute_path(in_, item, *attribute_);
    return folded(key);
  }

 private:
  Value folded(const Value& key) const {
    if (case_sensitive_ || !key.is_text()) return key;
    in_.runtime().spend_bytes(key.text().size());
    return lower_case(key.text());
  }

  Interpreter& in_;
  bool case_sensitive_;
  std::optional<Value> attribute_;
};

bool flag(const std::optional<Value>& value) {
  return value && truth(*value);
}

Values sorted(Interpreter& in, const Values& values, const Keys& key, bool reverse) {
  std::vector<std::pair<Value, Value>> keyed;
  // In a list, as Jinja has them: there two that are equal need no order.
  for (const auto& value : values) keyed.emplace_back(make_list({key(value)}), value);
  const auto before = [&](const auto& a, const auto& b) {
    in.runtime().spend_steps(1 + std::min(extent_of(a.first).values, extent_of(b.first).values));
    return reverse ? compare(b.first, a.first) < 0 : compare(a.first, b.first) < 0;
  };
  std::stable_sort(keyed.begin(), keyed.end(), before);
  Values result;
  for (auto& [ignored, value] : keyed) result.push_back(std::move(value));
  return result;
}

Value sort(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("sort", {"reverse", "case_sensitive", "attribute"});
  return make_list(sorted(in, items_of(input), Keys(in, flag(given[1]), given[2]), flag(given[0])));
}

Value dict_sort(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("dictsort", {"case_sensitive", "by", "reverse"});
  const std::string by = given[1] ? need_text(*given[1], "what 'dictsort' orders by") : "key";
  if (by != "key" && by != "value") throw Failure{fmt::format("dictsort by '{}'", by), "key or value", ""};
  const Value pairs = items(in, input, {});
  return make_list(
      sorted(in, pairs.list().items, Keys(in, flag(given[0]), Value(by == "key" ? 0 : 1)), flag(given[2])));
}

Value unique(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("unique", {"case_sensitive", "attribute"});
  const Keys key(in, flag(given[0]), given[1]);
  Values seen, result;
  for (const auto& value : items_of(input)) {
    Value own = key(value);
    if (contains(in.runtime(), make_list(seen), own)) continue;
    seen.push_back(std::move(own));
    result.push_back(value);
  }
  return make_list(std::move(result));
}

template <bool largest>
Value extreme(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind(largest ? "max" : "min", {"case_sensitive", "attribute"});
  const Keys key(in, flag(given[0]), given[1]);
  Value best = make_undefined("the smallest or largest of nothing"), best_key;
  bool any = false;
  for (const auto& value : items_of(input)) {
    Value own = key(value);
    const int order = any ? compare(own, best_key) : 0;
    if (any && (largest ? order <= 0 : order >= 0)) continue;
    any = true;
    best = value;
    best_key = std::move(own);
  }
  return best;
}

Value sum(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("sum", {"attribute", "start"});
  Value total = given[1].value_or(Value(0));
  for (const auto& value : items_of(input)) {
    in.runtime().spend_steps(1);
    const bool attribute = given[0] && !given[0]->is<None>();
    total =
        apply(in.runtime(), Operator::add, total, attribute ? attribute_path(in, value, *given[0]) : value);
  }
  return total;
}

Value group_by(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("groupby", {"attribute", "default", "case_sensitive"});
  if (!given[0]) throw Failure{"'groupby' without an attribute", "its name", ""};
  const auto plain = [&](const Value& value) {
    const Value key = attribute_path(in, value, *given[0]);
    return key.is_undefined() && given[1] ? *given[1] : key;
  };
  const Keys folded(in, flag(given[2]), std::nullopt);
  Values keys, groups;
  std::vector<Values> members;
  Values pairs;
  for (const auto& value : items_of(input)) pairs.push_back(make_tuple({folded(plain(value)), value}));
  for (const auto& pair : sorted(in, pairs, Keys(in, true, Value(0)), false)) {
    const Values& parts = pair.list().items;
    if (keys.empty() || !equal(keys.back(), parts[0])) {
      keys.push_back(parts[0]);
      members.emplace_back();
    }
    members.back().push_back(parts[1]);
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const Value grouper = plain(members[i].front());
    groups.push_back(make_tuple({grouper, make_list(std::move(members[i]))}));
  }
  return make_list(std::move(groups));
}

Value batch(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("batch", {"linecount", "fill_with"});
  const int64_t size = given[0] ? need_integer(*given[0], "the size of 'batch'") : 0;
  if (size < 1) throw Failure{fmt::format("batches of {}", size), "at least 1", ""};
  Values batches, current;
  for (const auto& value : items_of(input)) {
    current.push_back(value);
    if (static_cast<int64_t>(current.size()) == size)
      batches.push_back(make_list(std::exchange(current, {})));
  }
  if (!current.empty()) {
    if (given[1] && !given[1]->is<None>()) {
      in.runtime().spend_bytes(static_cast<size_t>(size) * sizeof(Value));
      current.resize(static_cast<size_t>(size), *given[1]);
    }
    batches.push_back(make_list(std::move(current)));
  }
  return make_list(std::move(batches));
}

}  // namespace

const Registry<Filter>& sequence_filters() {
  static const Registry<Filter> all("filter", {{"length", length},
                                               {"count", length},
                                               {"first", first},
                                               {"last", last},
                                               {"list", list},
                                               {"items", items},
                                               {"reverse", reverse},
                                               {"sort", sort},
                                               {"dictsort", dict_sort},
                                               {"unique", unique},
                                               {"min", extreme<false>},
                                               {"max", extreme<true>},
                                               {"sum", sum},
                                               {"groupby", group_by},
                                               {"batch", batch}});
  return all;
}

}  // namespace coppice::jinja
