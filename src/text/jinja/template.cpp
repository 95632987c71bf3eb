#include "text/jinja/template.h"

#include <utility>

#include "base/error.h"
#include "text/jinja/builtins.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"

namespace coppice::jinja {

Template::Template(std::string_view source, std::string where)
    : where_(std::move(where)), body_(parse(lex(source, where_), where_)) {}

std::string Template::render(const Json& variables, int64_t now, const Limits& limits) const {
  // The runtime owns macros and namespaces, and so outlives all values.
  Runtime runtime(limits, now);
  try {
    const auto globals = std::make_shared<Scope>(nullptr);
    define_globals(runtime, *globals);
    const auto scope = std::make_shared<Scope>(globals);
    for (const auto& [name, value] : variables.items()) scope->set(name, from_json(value));
    return Interpreter(runtime, where_).render(body_, scope);
  } catch (const Failure& failure) {
    throw Error(
        {.where = where_, .found = failure.found, .expected = failure.expected, .advice = failure.advice});
  }
}

}  // namespace coppice::jinja
