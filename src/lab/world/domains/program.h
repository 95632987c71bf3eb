#pragma once
// A tiny programming language of whole numbers: let, assignment, repeat, if, functions of one expression,
// print.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace coppice::lab {

// A number, a variable, a call, or an operator among + - * < > ==.
struct Expression {
  enum class Type { number, variable, call, binary } type = Type::number;
  int64_t number = 0;
  std::string name;  // of the variable, function or operator
  std::vector<Expression> parts;
};

struct Function {
  std::string name;
  std::vector<std::string> parameters;
  Expression result;
};

struct ProgramState {
  std::map<std::string, int64_t> variables;
  std::vector<Function> functions;

  const Function& function(const std::string& name) const;
};

int64_t evaluate(const Expression& expression, const ProgramState& state);

// The expression as source text, with parentheses only where needed.
std::string source(const Expression& expression);

}  // namespace coppice::lab
