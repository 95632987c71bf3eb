#pragma once
// A parsed template: plain structs in variants, expressions and statements.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja/value.h"

namespace coppice::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using Body = std::vector<Statement>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more_positional, more_named;  // *list and **dict
};

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct Attribute {  // object.name
  ExpressionPtr object;
  std::string name;
};
struct Subscript {  // object[index]
  ExpressionPtr object, index;
};
struct Slice {  // object[start:stop:step]; a part that is left out is nullptr
  ExpressionPtr object, start, stop, step;
};
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct FilterUse {  // input | name(…); without input, the text of a filter block
  ExpressionPtr input;
  std::string name;
  CallArguments arguments;
};
struct TestUse {  // input is name(…)
  ExpressionPtr input;
  std::string name;
  CallArguments arguments;
};
enum class Operator { add, subtract, multiply, divide, floor_divide, modulo, power };
struct Binary {
  Operator op;
  ExpressionPtr left, right;
};
enum class Sign { plus, minus, inverse };
struct Unary {
  Sign sign;
  ExpressionPtr operand;
};
struct Logic {  // and, or
  bool conjunction;
  ExpressionPtr left, right;
};
enum class Relation { equal, unequal, less, less_equal, greater, greater_equal, in, not_in };
struct Comparison {  // a < b <= c
  ExpressionPtr first;
  std::vector<std::pair<Relation, ExpressionPtr>> rest;
};
struct Concatenation {  // a ~ b
  std::vector<ExpressionPtr> parts;
};
struct Conditional {  // yes if condition else no
  ExpressionPtr condition, yes, no;
};
struct ListDisplay {
  std::vector<ExpressionPtr> items;
  bool tuple = false;
};
struct DictDisplay {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};

struct Expression {
  int line = 1;
  std::variant<Literal, Name, Attribute, Subscript, Slice, Call, FilterUse, TestUse, Binary, Unary, Logic,
               Comparison, Concatenation, Conditional, ListDisplay, DictDisplay>
      node;
};

// What an assignment writes: a name, an attribute of a namespace, or several of them.
struct Target {
  std::string name, attribute;
  std::vector<Target> parts;  // if it is a tuple
};

struct Parameter {
  std::string name;
  ExpressionPtr fallback;
};

// What {% macro %} and {% call %} define.
struct MacroDefinition {
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
  bool varargs = false,
       kwargs = false;  // the body speaks of them, and so takes more arguments than parameters
};

struct Data {
  std::string text;
};
struct Print {
  ExpressionPtr value;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {  // {% set name | filter %}…{% endset %}
  Target target;
  ExpressionPtr filter;  // FilterUses without input at their root, or nullptr
  Body body;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExpressionPtr items, condition;
  bool recursive = false;
  Body body, otherwise;
};
struct Break {};
struct Continue {};
struct Macro {
  std::shared_ptr<const MacroDefinition> definition;
};
struct CallBlock {  // {% call(…) macro(…) %}…{% endcall %}
  ExpressionPtr call;
  std::shared_ptr<const MacroDefinition> caller;
};
struct FilterBlock {
  ExpressionPtr filter;
  Body body;
};
struct With {  // also {% generation %}, which marks what training looks at
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Body body;
};

struct Statement {
  int line = 1;
  std::variant<Data, Print, Set, SetBlock, If, For, Break, Continue, Macro, CallBlock, FilterBlock, With>
      node;
};

}  // namespace coppice::jinja
