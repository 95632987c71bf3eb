#include "lab/world/domains/program.h"

#include "base/error.h"

namespace coppice::lab {
namespace {

int strength(const Expression& expression) {
  if (expression.type != Expression::Type::binary) return 3;
  if (expression.name == "*") return 2;
  return expression.name == "+" || expression.name == "-" ? 1 : 0;
}

std::string operand(const Expression& part, int least) {
  return strength(part) < least ? "(" + source(part) + ")" : source(part);
}

}  // namespace

const Function& ProgramState::function(const std::string& name) const {
  for (const auto& known : functions)
    if (known.name == name) return known;
  COPPICE_CHECK(false, "no function " + name);
  return functions[0];
}

int64_t evaluate(const Expression& expression, const ProgramState& state) {
  switch (expression.type) {
    case Expression::Type::number:
      return expression.number;
    case Expression::Type::variable:
      return state.variables.at(expression.name);
    case Expression::Type::call: {
      const Function& called = state.function(expression.name);
      ProgramState inner{{}, state.functions};
      for (size_t i = 0; i < called.parameters.size(); ++i)
        inner.variables[called.parameters[i]] = evaluate(expression.parts[i], state);
      return evaluate(called.result, inner);
    }
    case Expression::Type::binary:
      break;
  }
  const int64_t left = evaluate(expression.parts[0], state), right = evaluate(expression.parts[1], state);
  if (expression.name == "+") return left + right;
  if (expression.name == "-") return left - right;
  if (expression.name == "*") return left * right;
  if (expression.name == "<") return left < right;
  if (expression.name == ">") return left > right;
  COPPICE_CHECK(expression.name == "==", expression.name);
  return left == right;
}

std::string source(const Expression& expression) {
  switch (expression.type) {
    case Expression::Type::number:
      return std::to_string(expression.number);
    case Expression::Type::variable:
      return expression.name;
    case Expression::Type::call: {
      std::string text = expression.name + "(";
      for (size_t i = 0; i < expression.parts.size(); ++i)
        text += (i > 0 ? ", " : "") + source(expression.parts[i]);
      return text + ")";
    }
    case Expression::Type::binary:
      break;
  }
  const int own = strength(expression);
  return operand(expression.parts[0], own) + " " + expression.name + " " +
         operand(expression.parts[1], own + 1);
}

}  // namespace coppice::lab
