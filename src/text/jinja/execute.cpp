#include <fmt/format.h>

#include "text/jinja/builtins.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"

namespace coppice::jinja {

std::string Interpreter::render(const Body& body, const ScopePtr& scope) {
  std::string out;
  execute(body, scope, out);
  return out;
}

Interpreter::Flow Interpreter::execute(const Body& body, const ScopePtr& scope, std::string& out) {
  for (const auto& statement : body)
    if (const Flow flow = execute(statement, scope, out); flow != Flow::on) return flow;
  return Flow::on;
}

Interpreter::Flow Interpreter::execute(const Statement& statement, const ScopePtr& scope, std::string& out) {
  try {
    const Runtime::Level level(runtime_);
    runtime_.spend_steps(1);
    return std::visit([&](const auto& node) { return run(node, scope, out); }, statement.node);
  } catch (const Failure& failure) {
    throw error_at(statement.line, failure);
  }
}

Interpreter::Flow Interpreter::run(const Data& node, const ScopePtr&, std::string& out) {
  runtime_.spend_bytes(node.text.size());
  out += node.text;
  return Flow::on;
}

Interpreter::Flow Interpreter::run(const Print& node, const ScopePtr& scope, std::string& out) {
  const Value value = evaluate(*node.value, scope);
  out += text_of(runtime_, value);
  return Flow::on;
}

void Interpreter::assign_attribute(const Target& target, const Value& value, const Scope& scope) {
  const Value* found = scope.find(target.name);
  auto* space = found != nullptr ? dynamic_cast<Namespace*>(found->object()) : nullptr;
  if (space == nullptr)
    throw Failure{fmt::format("an assignment to '{}.{}'", target.name, target.attribute),
                  "a namespace before the point", fmt::format("{{% set {} = namespace(…) %}}", target.name)};
  runtime_.spend_bytes(target.attribute.size() + sizeof(Value));
  space->set(target.attribute, value);
}

void Interpreter::assign(const Target& target, const Value& value, Scope& scope) {
  if (!target.attribute.empty()) return assign_attribute(target, value, scope);
  if (target.parts.empty()) return scope.set(target.name, value);
  need_defined(value);
  const Values values = items_of(value);
  if (values.size() != target.parts.size())
    throw Failure{fmt::format("{} values for {} names", values.size(), target.parts.size()), "as many", ""};
  for (size_t i = 0; i < values.size(); ++i) assign(target.parts[i], values[i], scope);
}

Interpreter::Flow Interpreter::run(const Set& node, const ScopePtr& scope, std::string&) {
  assign(node.target, evaluate(*node.value, scope), *scope);
  return Flow::on;
}

Interpreter::Flow Interpreter::run(const SetBlock& node, const ScopePtr& scope, std::string&) {
  std::string text;
  const Flow flow = execute(node.body, std::make_shared<Scope>(scope), text);
  if (flow != Flow::on) return flow;
  const Value value = std::move(text);
  assign(node.target, node.filter ? filter_chain(*node.filter, value, scope) : value, *scope);
  return Flow::on;
}

Interpreter::Flow Interpreter::run(const If& node, const ScopePtr& scope, std::string& out) {
  for (const auto& [condition, body] : node.branches)
    if (truth(evaluate(*condition, scope))) return execute(body, scope, out);
  return execute(node.otherwise, scope, out);
}

Interpreter::Flow Interpreter::run(const For& node, const ScopePtr& scope, std::string& out) {
  loop(node, scope, evaluate(*node.items, scope), 1, out);
  return Flow::on;
}

void Interpreter::loop(const For& node, const ScopePtr& scope, const Value& items, int depth,
                       std::string& out) {
  Values chosen = items_of(items);
  runtime_.spend_bytes(chosen.size() * sizeof(Value));
  if (node.condition) {
    Values kept;
    for (auto& item : chosen) {
      const auto inner = std::make_shared<Scope>(scope);
      assign(node.target, item, *inner);
      if (truth(evaluate(*node.condition, inner))) kept.push_back(std::move(item));
    }
    chosen = std::move(kept);
  }
  if (chosen.empty()) {
    execute(node.otherwise, std::make_shared<Scope>(scope), out);
    return;
  }
  auto* state = runtime_.make<LoopObject>(node, scope, std::move(chosen), depth);
  for (size_t i = 0; i < state->items().size(); ++i) {
    runtime_.spend_steps(1);
    state->go_to(i);
    const auto inner = std::make_shared<Scope>(scope);
    inner->set("loop", state);
    assign(node.target, state->items()[i], *inner);
    if (execute(node.body, inner, out) == Flow::leave) break;
  }
}

Interpreter::Flow Interpreter::run(const Break&, const ScopePtr&, std::string&) {
  return Flow::leave;
}

Interpreter::Flow Interpreter::run(const Continue&, const ScopePtr&, std::string&) {
  return Flow::skip;
}

Interpreter::Flow Interpreter::run(const Macro& node, const ScopePtr& scope, std::string&) {
  scope->set(node.definition->name, runtime_.make<MacroObject>(node.definition, scope));
  return Flow::on;
}

Interpreter::Flow Interpreter::run(const CallBlock& node, const ScopePtr& scope, std::string& out) {
  const auto& call = std::get<Call>(node.call->node);
  const Value callee = evaluate(*call.callee, scope);
  Arguments arguments = evaluate(call.arguments, scope);
  arguments.named.emplace_back("caller", runtime_.make<MacroObject>(node.caller, scope));
  out += text_of(runtime_, this->call(callee, arguments));
  return Flow::on;
}

Interpreter::Flow Interpreter::run(const FilterBlock& node, const ScopePtr& scope, std::string& out) {
  std::string text;
  const Flow flow = execute(node.body, std::make_shared<Scope>(scope), text);
  if (flow != Flow::on) return flow;
  out += text_of(runtime_, filter_chain(*node.filter, std::move(text), scope));
  return Flow::on;
}

Interpreter::Flow Interpreter::run(const With& node, const ScopePtr& scope, std::string& out) {
  const auto inner = std::make_shared<Scope>(scope);
  for (const auto& [target, expression] : node.values) assign(target, evaluate(*expression, scope), *inner);
  return execute(node.body, inner, out);
}

std::unique_ptr<Value> MacroObject::attribute(const std::string& name) const {
  if (name == "name") return std::make_unique<Value>(definition_->name);
  return nullptr;
}

Value MacroObject::call(Interpreter& interpreter, const Arguments& arguments) const {
  const auto& parameters = definition_->parameters;
  const auto scope = std::make_shared<Scope>(scope_);
  std::vector<bool> given(parameters.size(), false);
  Values more;
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    if (i >= parameters.size()) {
      more.push_back(arguments.positional[i]);
      continue;
    }
    scope->set(parameters[i].name, arguments.positional[i]);
    given[i] = true;
  }
  Pairs more_named;
  Value caller = make_undefined("'caller', which only a call block gives");
  for (const auto& [name, value] : arguments.named) {
    size_t at = 0;
    while (at < parameters.size() && parameters[at].name != name) ++at;
    if (at < parameters.size() && given[at])
      throw Failure{fmt::format("argument '{}' of '{}' is given twice", name, definition_->name), "", ""};
    if (at < parameters.size()) {
      scope->set(name, value);
      given[at] = true;
    } else if (name == "caller") {
      caller = value;
    } else {
      more_named.emplace_back(name, value);
    }
  }
  scope->set("caller", std::move(caller));
  if (!more.empty() && !definition_->varargs)
    throw Failure{
        fmt::format("{} arguments of the macro '{}'", arguments.positional.size(), definition_->name),
        fmt::format("at most {}", parameters.size()), ""};
  if (!more_named.empty() && !definition_->kwargs)
    throw Failure{
        fmt::format("an argument '{}' of the macro '{}'", more_named.front().first.text(), definition_->name),
        "the name of one of its parameters", ""};
  scope->set("varargs", make_tuple(std::move(more)));
  scope->set("kwargs", make_dict(std::move(more_named)));
  for (size_t i = 0; i < parameters.size(); ++i)
    if (!given[i])
      scope->set(
          parameters[i].name,
          parameters[i].fallback
              ? interpreter.evaluate(*parameters[i].fallback, scope)
              : make_undefined(fmt::format("the parameter '{}', which was not given", parameters[i].name)));
  std::string out;
  interpreter.execute(definition_->body, scope, out);
  return out;
}

std::unique_ptr<Value> LoopObject::attribute(const std::string& name) const {
  const auto index = static_cast<int64_t>(index_), size = static_cast<int64_t>(items_.size());
  const auto found = [](Value value) { return std::make_unique<Value>(std::move(value)); };
  if (name == "index") return found(index + 1);
  if (name == "index0") return found(index);
  if (name == "revindex") return found(size - index);
  if (name == "revindex0") return found(size - index - 1);
  if (name == "first") return found(index == 0);
  if (name == "last") return found(index + 1 == size);
  if (name == "length") return found(size);
  if (name == "depth") return found(depth_);
  if (name == "depth0") return found(depth_ - 1);
  if (name == "previtem")
    return found(index > 0 ? items_[index_ - 1] : make_undefined("the item before the first of a loop"));
  if (name == "nextitem")
    return found(index + 1 < size ? items_[index_ + 1]
                                  : make_undefined("the item behind the last of a loop"));
  return nullptr;
}

Value LoopObject::call(Interpreter& interpreter, const Arguments& arguments) const {
  if (!loop_.recursive) throw Failure{"a call of a loop that is not recursive", "", "{% for … recursive %}"};
  const auto given = arguments.bind("loop", {"items"});
  std::string out;
  interpreter.loop(loop_, around_, given[0].value_or(Value()), depth_ + 1, out);
  return out;
}

Value LoopObject::call_method(const std::string& name, const Arguments& arguments) {
  if (name == "cycle") {
    if (arguments.positional.empty())
      throw Failure{"loop.cycle without arguments", "the values to cycle through", ""};
    return arguments.positional[index_ % arguments.positional.size()];
  }
  if (name == "changed") {
    Value values = make_tuple(arguments.positional);
    const bool changed = !last_changed_ || !equal(*last_changed_, values);
    last_changed_ = std::make_unique<Value>(std::move(values));
    return changed;
  }
  throw Failure{fmt::format("a call of loop.{}", name), "loop.cycle or loop.changed", ""};
}

}  // namespace coppice::jinja
