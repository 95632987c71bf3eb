// The tests behind `is`.

#include <fmt/format.h>

#include "text/jinja/builtins.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/utf8.h"

namespace coppice::jinja {
namespace {

template <bool (*property)(const Value&)>
bool has(Interpreter&, const Value& input, const Arguments& arguments) {
  arguments.bind("the test", {});
  return property(input);
}

Value argument(const Arguments& arguments) {
  const auto given = arguments.bind("the test", {"other"});
  if (!given[0]) throw Failure{"a test without what to compare with", "one argument", ""};
  return *given[0];
}

template <Relation relation>
bool relates(Interpreter& in, const Value& input, const Arguments& arguments) {
  return holds(in.runtime(), relation, input, argument(arguments));
}

bool same_as(Interpreter&, const Value& input, const Arguments& arguments) {
  const Value other = argument(arguments);
  return type_name(input) == type_name(other) && !input.is_list() && !input.is_dict() && equal(input, other);
}

bool divisible_by(Interpreter& in, const Value& input, const Arguments& arguments) {
  return !truth(apply(in.runtime(), Operator::modulo, input, argument(arguments)));
}

template <int64_t rest>
bool leaves(Interpreter& in, const Value& input, const Arguments& arguments) {
  arguments.bind("the test", {});
  return equal(apply(in.runtime(), Operator::modulo, input, Value(2)), Value(rest));
}

bool named_filter(Interpreter&, const Value& input, const Arguments& arguments) {
  arguments.bind("filter", {});
  try {
    return input.is_text() && find_filter(input.text()) != nullptr;
  } catch (const Failure&) {
    return false;
  }
}

bool named_test(Interpreter&, const Value& input, const Arguments& arguments) {
  arguments.bind("test", {});
  try {
    return input.is_text() && find_test(input.text()) != nullptr;
  } catch (const Failure&) {
    return false;
  }
}

// Python's islower and isupper: some letter, and none of the other case.
bool is_case(const Value& value, bool upper) {
  if (!value.is_text()) return false;
  const std::string &text = value.text(), same = upper ? upper_case(text) : lower_case(text);
  return text == same && text != (upper ? lower_case(text) : upper_case(text));
}

bool is_defined(const Value& v) {
  return !v.is_undefined();
}

bool is_undefined(const Value& v) {
  return v.is_undefined();
}

bool is_none(const Value& v) {
  return v.is<None>();
}

bool is_boolean(const Value& v) {
  return v.is<bool>();
}

bool is_true(const Value& v) {
  return v.is<bool>() && v.boolean();
}

bool is_false(const Value& v) {
  return v.is<bool>() && !v.boolean();
}

bool is_integer(const Value& v) {
  return v.is<int64_t>();
}

bool is_float(const Value& v) {
  return v.is<double>();
}

bool is_number(const Value& v) {
  return v.is_number();
}

bool is_string(const Value& v) {
  return v.is_text();
}

bool is_mapping(const Value& v) {
  return v.is_dict();
}

bool is_sequence(const Value& v) {
  return v.is_undefined() || v.is_text() || v.is_list() || v.is_dict();
}

bool is_iterable(const Value& v) {
  return v.is_undefined() || v.is_text() || v.is_list() || v.is_dict();
}

bool is_callable(const Value& v) {
  return v.is_undefined() || (v.object() != nullptr && v.object()->callable());
}

bool is_escaped(const Value&) {
  return false;
}

bool is_lower(const Value& v) {
  return is_case(v, false);
}

bool is_upper(const Value& v) {
  return is_case(v, true);
}

const Registry<Test>& tests() {
  static const Registry<Test> all("test", {{"defined", has<is_defined>},
                                           {"undefined", has<is_undefined>},
                                           {"none", has<is_none>},
                                           {"boolean", has<is_boolean>},
                                           {"true", has<is_true>},
                                           {"false", has<is_false>},
                                           {"integer", has<is_integer>},
                                           {"float", has<is_float>},
                                           {"number", has<is_number>},
                                           {"string", has<is_string>},
                                           {"mapping", has<is_mapping>},
                                           {"sequence", has<is_sequence>},
                                           {"iterable", has<is_iterable>},
                                           {"callable", has<is_callable>},
                                           {"escaped", has<is_escaped>},
                                           {"lower", has<is_lower>},
                                           {"upper", has<is_upper>},
                                           {"odd", leaves<1>},
                                           {"even", leaves<0>},
                                           {"divisibleby", divisible_by},
                                           {"sameas", same_as},
                                           {"in", relates<Relation::in>},
                                           {"eq", relates<Relation::equal>},
                                           {"equalto", relates<Relation::equal>},
                                           {"==", relates<Relation::equal>},
                                           {"ne", relates<Relation::unequal>},
                                           {"!=", relates<Relation::unequal>},
                                           {"lt", relates<Relation::less>},
                                           {"lessthan", relates<Relation::less>},
                                           {"<", relates<Relation::less>},
                                           {"le", relates<Relation::less_equal>},
                                           {"<=", relates<Relation::less_equal>},
                                           {"gt", relates<Relation::greater>},
                                           {"greaterthan", relates<Relation::greater>},
                                           {">", relates<Relation::greater>},
                                           {"ge", relates<Relation::greater_equal>},
                                           {">=", relates<Relation::greater_equal>},
                                           {"filter", named_filter},
                                           {"test", named_test}});
  return all;
}

}  // namespace

Test find_test(const std::string& name) {
  if (const Test* found = tests().find(name)) return *found;
  throw Failure{fmt::format("unknown test '{}'", name), "", suggest(name, tests().names())};
}

}  // namespace coppice::jinja
