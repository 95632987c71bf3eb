#include <cstdlib>

#include "lab/world/domain.h"
#include "lab/world/domains/program.h"
#include "lab/world/words.h"

namespace coppice::lab {
namespace {

constexpr int64_t largest = 9999;  // statements whose values grow beyond this are not written

class ProgramWriter {
 public:
  ProgramWriter(Rng& rng, std::string& out) : rng_(rng), out_(out) {}

  void write() {
    for (uint64_t i = rng_.below(3); i > 0; --i) define();
    for (uint64_t i = 2 + rng_.below(2); i > 0; --i) let();
    for (uint64_t i = 2 + rng_.below(5); i > 0; --i) statement();
    print();
    out_ += "# output:";
    for (const auto value : printed_) out_ += " " + std::to_string(value);
  }

 private:
  static Expression number(int64_t value) { return {.number = value}; }
  static Expression variable(const std::string& name) {
    return {.type = Expression::Type::variable, .name = name};
  }
  static Expression binary(const std::string& name, Expression left, Expression right) {
    return {.type = Expression::Type::binary, .name = name, .parts = {std::move(left), std::move(right)}};
  }

  std::string op() {
    static constexpr std::array<std::string_view, 6> all = {"+", "+", "+", "-", "-", "*"};
    return std::string(rng_.pick(all));
  }

  // An expression over the given variables, with calls if `calls`.
  Expression expression(const std::vector<std::string>& names, bool calls, int depth = 0) {
    if (depth < 2 && rng_.chance(depth == 0 ? 0.75 : 0.25))
      return binary(op(), expression(names, calls, depth + 1), expression(names, calls, depth + 1));
    if (calls && !state_.functions.empty() && rng_.chance(0.4)) {
      const Function& called = rng_.pick(state_.functions);
      Expression call{.type = Expression::Type::call, .name = called.name};
      for (size_t i = 0; i < called.parameters.size(); ++i) call.parts.push_back(expression(names, false, 2));
      return call;
    }
    if (!names.empty() && rng_.chance(0.65)) return variable(rng_.pick(names));
    return number(static_cast<int64_t>(rng_.below(rng_.chance(0.7) ? 10 : 50)));
  }

  void define() {
    static constexpr std::array<std::string_view, 12> verbs = {"mix",   "join",  "twist", "fold",
                                                               "stack", "weigh", "grow",  "cut",
                                                               "share", "trade", "swap",  "count_up"};
    Function function{.name = std::string(rng_.pick(verbs)), .parameters = {"a"}};
    for (const auto& known : state_.functions)
      if (known.name == function.name) return;
    if (rng_.chance(0.6)) function.parameters.push_back("b");
    function.result = binary(op(), variable("a"), variable(function.parameters.back()));
    if (rng_.chance(0.7))
      function.result = binary(op(), function.result, expression(function.parameters, false, 2));
    out_ += "fn " + function.name + "(a" + (function.parameters.size() > 1 ? ", b" : "") + ") {\n  return " +
            source(function.result) + "\n}\n";
    state_.functions.push_back(std::move(function));
  }

  // Writes `text` if `variable` may take the value.
  void assign(const std::string& name, int64_t value, const std::string& text) {
    if (std::abs(value) > largest) return;
    if (text == name + " = " + name + "\n") return;
    state_.variables[name] = value;
    out_ += text;
  }

  void let() {
    std::string name(rng_.pick(objects()));
    name += "s";
    if (state_.variables.count(name) > 0) return;
    const Expression value = expression(names_, true, rng_.chance(0.5) ? 2 : 0);
    const int64_t result = evaluate(value, state_);
    if (std::abs(result) > largest) return;
    assign(name, result, "let " + name + " = " + source(value) + "\n");
    names_.push_back(name);
  }

  void statement() {
    if (names_.empty()) return let();
    switch (rng_.below(6)) {
      case 0:
        return let();
      case 1:
        return repeat();
      case 2:
        return branch();
      case 3:
        return print();
      default: {
        const std::string name = rng_.pick(names_);
        const Expression value = expression(names_, true);
        assign(name, evaluate(value, state_), name + " = " + source(value) + "\n");
      }
    }
  }

  void repeat() {
    const std::string name = rng_.pick(names_);
    const uint64_t times = 2 + rng_.below(4);
    const Expression value =
        binary(rng_.chance(0.6) ? "+" : "-", variable(name), expression(names_, false, 1));
    ProgramState trial = state_;
    for (uint64_t i = 0; i < times; ++i) {
      const int64_t result = evaluate(value, trial);
      if (std::abs(result) > largest) return;
      trial.variables[name] = result;
    }
    assign(name, trial.variables[name],
           "repeat " + std::to_string(times) + " {\n  " + name + " = " + source(value) + "\n}\n");
  }

  void branch() {
    static constexpr std::array<std::string_view, 3> comparisons = {"<", ">", "=="};
    const std::string name = rng_.pick(names_);
    const Expression condition = binary(std::string(rng_.pick(comparisons)), variable(rng_.pick(names_)),
                                        expression(names_, false, 2));
    const Expression yes = expression(names_, true, 1), no = expression(names_, true, 1);
    if (source(yes) == source(no)) return;
    assign(name, evaluate(evaluate(condition, state_) != 0 ? yes : no, state_),
           "if " + source(condition) + " {\n  " + name + " = " + source(yes) + "\n} else {\n  " + name +
               " = " + source(no) + "\n}\n");
  }

  void print() {
    const Expression value =
        rng_.chance(0.8) && !names_.empty() ? variable(rng_.pick(names_)) : expression(names_, true);
    printed_.push_back(evaluate(value, state_));
    out_ += "print " + source(value) + "  # " + std::to_string(printed_.back()) + "\n";
  }

  Rng& rng_;
  std::string& out_;
  ProgramState state_;
  std::vector<std::string> names_;
  std::vector<int64_t> printed_;
};

}  // namespace

void tell_code(const World&, Rng& rng, std::string& out) {
  ProgramWriter(rng, out).write();
}

}  // namespace coppice::lab
