#pragma once
// Python's operators on values.

#include "text/jinja/runtime.h"
#include "text/jinja/syntax.h"

namespace coppice::jinja {

Value apply(Runtime& runtime, Operator op, const Value& left, const Value& right);
Value apply(Sign sign, const Value& operand);
bool holds(Runtime& runtime, Relation relation, const Value& left, const Value& right);
bool contains(Runtime& runtime, const Value& whole, const Value& part);

// object[index], of what is not there an undefined value. Attributes are not looked at.
Value item(Runtime& runtime, const Value& object, const Value& index);
// object[start:stop:step]; an undefined or none part counts as left out.
Value slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop, const Value& step);

// "%s and %d" % arguments.
std::string percent_format(Runtime& runtime, std::string_view format, const Value& arguments);

// As round() of Python: to even when it lies in the middle, judged by the exact value.
double round_to(double number, int64_t digits);

}  // namespace coppice::jinja
