#pragma once
// Renders a parsed template: statements write text, expressions have values.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/jinja/runtime.h"
#include "text/jinja/syntax.h"

namespace coppice::jinja {

// Names and their values; a name that is not here may be in the scope around.
class Scope {
 public:
  explicit Scope(std::shared_ptr<Scope> around) : around_(std::move(around)) {}
  const Value* find(const std::string& name) const;
  void set(const std::string& name, Value value);

 private:
  std::shared_ptr<Scope> around_;
  std::vector<std::pair<std::string, Value>> names_;
};
using ScopePtr = std::shared_ptr<Scope>;

class Interpreter {
 public:
  Interpreter(Runtime& runtime, const std::string& where) : runtime_(runtime), where_(where) {}

  // The whole text; `scope` has the variables.
  std::string render(const Body& body, const ScopePtr& scope);

  Runtime& runtime() { return runtime_; }

  Value evaluate(const Expression& expression, const ScopePtr& scope);
  Value call(const Value& callee, const Arguments& arguments);
  // As `object.name`: what Python finds as an attribute, else as an item.
  Value attribute(const Value& object, const std::string& name);

 private:
  friend class MacroObject;
  friend class LoopObject;
  enum class Flow { on, leave, skip };  // leave, skip: a break or continue for the loop around

  // expressions: evaluate.cpp
  Value value_of(const Literal& node, const ScopePtr& scope);
  Value value_of(const Name& node, const ScopePtr& scope);
  Value value_of(const Attribute& node, const ScopePtr& scope);
  Value value_of(const Subscript& node, const ScopePtr& scope);
  Value value_of(const Slice& node, const ScopePtr& scope);
  Value value_of(const Call& node, const ScopePtr& scope);
  Value value_of(const FilterUse& node, const ScopePtr& scope);
  Value value_of(const TestUse& node, const ScopePtr& scope);
  Value value_of(const Binary& node, const ScopePtr& scope);
  Value value_of(const Unary& node, const ScopePtr& scope);
  Value value_of(const Logic& node, const ScopePtr& scope);
  Value value_of(const Comparison& node, const ScopePtr& scope);
  Value value_of(const Concatenation& node, const ScopePtr& scope);
  Value value_of(const Conditional& node, const ScopePtr& scope);
  Value value_of(const ListDisplay& node, const ScopePtr& scope);
  Value value_of(const DictDisplay& node, const ScopePtr& scope);
  Value filtered(const FilterUse& use, const Value& input, const ScopePtr& scope);
  Value filter_chain(const Expression& filter, const Value& text, const ScopePtr& scope);
  Arguments evaluate(const CallArguments& arguments, const ScopePtr& scope);
  std::vector<Value> evaluate_all(const std::vector<ExpressionPtr>& expressions, const ScopePtr& scope);
  Error error_at(int line, const Failure& failure) const;

  // statements: execute.cpp
  Flow execute(const Body& body, const ScopePtr& scope, std::string& out);
  Flow execute(const Statement& statement, const ScopePtr& scope, std::string& out);
  Flow run(const Data& node, const ScopePtr& scope, std::string& out);
  Flow run(const Print& node, const ScopePtr& scope, std::string& out);
  Flow run(const Set& node, const ScopePtr& scope, std::string& out);
  Flow run(const SetBlock& node, const ScopePtr& scope, std::string& out);
  Flow run(const If& node, const ScopePtr& scope, std::string& out);
  Flow run(const For& node, const ScopePtr& scope, std::string& out);
  Flow run(const Break& node, const ScopePtr& scope, std::string& out);
  Flow run(const Continue& node, const ScopePtr& scope, std::string& out);
  Flow run(const Macro& node, const ScopePtr& scope, std::string& out);
  Flow run(const CallBlock& node, const ScopePtr& scope, std::string& out);
  Flow run(const FilterBlock& node, const ScopePtr& scope, std::string& out);
  Flow run(const With& node, const ScopePtr& scope, std::string& out);
  void loop(const For& node, const ScopePtr& scope, const Value& items, int depth, std::string& out);
  void assign(const Target& target, const Value& value, Scope& scope);
  void assign_attribute(const Target& target, const Value& value, const Scope& scope);

  Runtime& runtime_;
  const std::string& where_;
};

// A macro, or the `caller` of a call block: called, it renders its body in a scope within that of its
// definition.
class MacroObject : public Object {
 public:
  MacroObject(std::shared_ptr<const MacroDefinition> definition, ScopePtr scope)
      : definition_(std::move(definition)), scope_(std::move(scope)) {}

  std::string kind() const override { return "macro"; }
  bool callable() const override { return true; }
  std::unique_ptr<Value> attribute(const std::string& name) const override;
  Value call(Interpreter& interpreter, const Arguments& arguments) const;

 private:
  std::shared_ptr<const MacroDefinition> definition_;
  ScopePtr scope_;
};

// `loop` inside of a loop.
class LoopObject : public Object {
 public:
  LoopObject(const For& loop, ScopePtr around, Values items, int depth)
      : loop_(loop), around_(std::move(around)), items_(std::move(items)), depth_(depth) {}

  std::string kind() const override { return "loop"; }
  bool callable() const override { return loop_.recursive; }
  std::unique_ptr<Value> attribute(const std::string& name) const override;
  // loop(items) of a recursive loop.
  Value call(Interpreter& interpreter, const Arguments& arguments) const;
  // loop.cycle(…) and loop.changed(…); an undefined value if `name` is another method.
  Value call_method(const std::string& name, const Arguments& arguments);

  const Values& items() const { return items_; }
  void go_to(size_t index) { index_ = index; }

 private:
  const For& loop_;
  ScopePtr around_;
  Values items_;
  size_t index_ = 0;
  int depth_;
  std::unique_ptr<Value> last_changed_;
};

}  // namespace coppice::jinja
