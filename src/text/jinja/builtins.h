#pragma once
// What a template finds there: filters, tests, methods of strings, dicts and lists, and global functions.

#include <string>

#include "base/registry.h"
#include "text/jinja/interpreter.h"

namespace coppice::jinja {

using Filter = Value (*)(Interpreter& interpreter, const Value& input, const Arguments& arguments);
using Test = bool (*)(Interpreter& interpreter, const Value& input, const Arguments& arguments);
using Method = Value (*)(Runtime& runtime, const Value& object, const Arguments& arguments);

// Filters by what they work on; `find_filter` looks through all and fails with the nearest name.
const Registry<Filter>& text_filters();
const Registry<Filter>& number_filters();
const Registry<Filter>& sequence_filters();
const Registry<Filter>& select_filters();
Filter find_filter(const std::string& name);
Test find_test(const std::string& name);

// What `attribute=` of filters means: a name, an index, or several with points between ("function.name").
Value attribute_path(Interpreter& interpreter, const Value& value, const Value& path);

// The method of a string, dict, list or number; nullptr if it has none of that name. One that would change
// its object is a Failure, as in the sandbox that Transformers uses.
Method find_method(const Value& object, const std::string& name);

// range, dict, namespace, raise_exception, strftime_now.
void define_globals(Runtime& runtime, Scope& scope);

}  // namespace coppice::jinja
