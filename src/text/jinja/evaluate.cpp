#include <fmt/format.h>

#include "text/jinja/builtins.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"

namespace coppice::jinja {

const Value* Scope::find(const std::string& name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->around_.get())
    for (const auto& [known, value] : scope->names_)
      if (known == name) return &value;
  return nullptr;
}

void Scope::set(const std::string& name, Value value) {
  for (auto& [known, old] : names_)
    if (known == name) {
      old = std::move(value);
      return;
    }
  names_.emplace_back(name, std::move(value));
}

Error Interpreter::error_at(int line, const Failure& failure) const {
  return Error({.where = fmt::format("{}, line {}", where_, line),
                .found = failure.found,
                .expected = failure.expected,
                .advice = failure.advice});
}

Value Interpreter::evaluate(const Expression& expression, const ScopePtr& scope) {
  try {
    const Runtime::Level level(runtime_);
    runtime_.spend_steps(1);
    return std::visit([&](const auto& node) { return value_of(node, scope); }, expression.node);
  } catch (const Failure& failure) {
    throw error_at(expression.line, failure);
  }
}

std::vector<Value> Interpreter::evaluate_all(const std::vector<ExpressionPtr>& expressions,
                                             const ScopePtr& scope) {
  std::vector<Value> values;
  values.reserve(expressions.size());
  for (const auto& expression : expressions) values.push_back(evaluate(*expression, scope));
  return values;
}

Arguments Interpreter::evaluate(const CallArguments& arguments, const ScopePtr& scope) {
  Arguments values{evaluate_all(arguments.positional, scope), {}};
  for (const auto& [name, value] : arguments.named) values.named.emplace_back(name, evaluate(*value, scope));
  if (arguments.more_positional)
    for (auto& value : items_of(evaluate(*arguments.more_positional, scope)))
      values.positional.push_back(std::move(value));
  if (arguments.more_named) {
    const Value more = evaluate(*arguments.more_named, scope);
    if (!more.is_dict()) throw Failure{fmt::format("{} behind '**'", type_name(more)), "a dict", ""};
    for (const auto& [name, value] : more.dict().items)
      values.named.emplace_back(need_text(name, "an argument's name"), value);
  }
  return values;
}

Value Interpreter::value_of(const Literal& node, const ScopePtr&) {
  return node.value;
}

Value Interpreter::value_of(const Name& node, const ScopePtr& scope) {
  const Value* value = scope->find(node.name);
  return value != nullptr ? *value : make_undefined(fmt::format("'{}', which is undefined", node.name));
}

Value Interpreter::attribute(const Value& object, const std::string& name) {
  need_defined(object);
  if (Object* inner = object.object()) {
    if (auto found = inner->attribute(name)) return *found;
    return make_undefined(fmt::format("a {} without '{}'", type_name(object), name));
  }
  // A method by itself has no use but to be tested for; called, it does not come here.
  if (const Method method = find_method(object, name))
    return runtime_.make<Function>(name, [object, method](Runtime& runtime, const Arguments& arguments) {
      return method(runtime, object, arguments);
    });
  return item(runtime_, object, name);
}

Value Interpreter::value_of(const Attribute& node, const ScopePtr& scope) {
  return attribute(evaluate(*node.object, scope), node.name);
}

Value Interpreter::value_of(const Subscript& node, const ScopePtr& scope) {
  const Value object = evaluate(*node.object, scope), index = evaluate(*node.index, scope);
  Value found = item(runtime_, object, index);
  return found.is_undefined() && index.is_text() ? attribute(object, index.text()) : found;
}

Value Interpreter::value_of(const Slice& node, const ScopePtr& scope) {
  const auto part = [&](const ExpressionPtr& expression) -> Value {
    return expression ? evaluate(*expression, scope) : Value(None{});
  };
  const Value object = evaluate(*node.object, scope);
  return slice(runtime_, object, part(node.start), part(node.stop), part(node.step));
}

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  need_defined(callee);
  if (const auto* function = dynamic_cast<const Function*>(callee.object()))
    return function->call(runtime_, arguments);
  if (const auto* macro = dynamic_cast<const MacroObject*>(callee.object()))
    return macro->call(*this, arguments);
  if (const auto* loop = dynamic_cast<const LoopObject*>(callee.object()))
    return loop->call(*this, arguments);
  throw Failure{fmt::format("a call of {}", type_name(callee)), "a macro, a function or a method", ""};
}

Value Interpreter::value_of(const Call& node, const ScopePtr& scope) {
  const auto* member = std::get_if<Attribute>(&node.callee->node);
  if (member == nullptr) {
    const Value callee = evaluate(*node.callee, scope);
    return call(callee, evaluate(node.arguments, scope));
  }
  const Value object = evaluate(*member->object, scope);
  need_defined(object);
  const Arguments arguments = evaluate(node.arguments, scope);
  if (auto* loop = dynamic_cast<LoopObject*>(object.object()))
    return loop->call_method(member->name, arguments);
  if (object.object() == nullptr)
    if (const Method method = find_method(object, member->name)) return method(runtime_, object, arguments);
  return call(attribute(object, member->name), arguments);
}

Value Interpreter::filtered(const FilterUse& use, const Value& input, const ScopePtr& scope) {
  const Filter filter = find_filter(use.name);
  return filter(*this, input, evaluate(use.arguments, scope));
}

Value Interpreter::value_of(const FilterUse& node, const ScopePtr& scope) {
  return filtered(node, evaluate(*node.input, scope), scope);
}

// The filters of a block, whose text is the input of the first.
Value Interpreter::filter_chain(const Expression& filter, const Value& text, const ScopePtr& scope) {
  const auto& use = std::get<FilterUse>(filter.node);
  const Value input = use.input ? filter_chain(*use.input, text, scope) : text;
  try {
    return filtered(use, input, scope);
  } catch (const Failure& failure) {
    throw error_at(filter.line, failure);
  }
}

Value Interpreter::value_of(const TestUse& node, const ScopePtr& scope) {
  const Test test = find_test(node.name);
  const Value input = evaluate(*node.input, scope);
  return test(*this, input, evaluate(node.arguments, scope));
}

Value Interpreter::value_of(const Binary& node, const ScopePtr& scope) {
  const Value left = evaluate(*node.left, scope), right = evaluate(*node.right, scope);
  return apply(runtime_, node.op, left, right);
}

Value Interpreter::value_of(const Unary& node, const ScopePtr& scope) {
  return apply(node.sign, evaluate(*node.operand, scope));
}

Value Interpreter::value_of(const Logic& node, const ScopePtr& scope) {
  Value left = evaluate(*node.left, scope);
  return truth(left) == node.conjunction ? evaluate(*node.right, scope) : left;
}

Value Interpreter::value_of(const Comparison& node, const ScopePtr& scope) {
  Value left = evaluate(*node.first, scope);
  for (const auto& [relation, expression] : node.rest) {
    Value right = evaluate(*expression, scope);
    if (!holds(runtime_, relation, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::value_of(const Concatenation& node, const ScopePtr& scope) {
  std::string text;
  for (const auto& part : node.parts) text += text_of(runtime_, evaluate(*part, scope));
  return text;
}

Value Interpreter::value_of(const Conditional& node, const ScopePtr& scope) {
  if (truth(evaluate(*node.condition, scope))) return evaluate(*node.yes, scope);
  return node.no ? evaluate(*node.no, scope) : make_undefined("the value of an 'if' without 'else'");
}

Value Interpreter::value_of(const ListDisplay& node, const ScopePtr& scope) {
  auto items = evaluate_all(node.items, scope);
  return node.tuple ? make_tuple(std::move(items)) : make_list(std::move(items));
}

Value Interpreter::value_of(const DictDisplay& node, const ScopePtr& scope) {
  Pairs items;
  for (const auto& [key, value] : node.items) {
    Value first = evaluate(*key, scope);
    items.emplace_back(std::move(first), evaluate(*value, scope));
  }
  return make_dict(std::move(items));
}

}  // namespace coppice::jinja
