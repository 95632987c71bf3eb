// Functions that every template can call.

#include <array>
#include <ctime>

#include <fmt/format.h>

#include "base/strings.h"
#include "text/jinja/builtins.h"
#include "text/jinja/python_text.h"

namespace coppice::jinja {
namespace {

// As in the sandbox that Transformers uses.
constexpr int64_t max_range = 100'000;

Value range(Runtime& runtime, const Arguments& arguments) {
  const auto given = arguments.bind("range", {"start", "stop", "step"});
  if (!given[0]) throw Failure{"range without a limit", "", ""};
  const int64_t start = given[1] ? need_integer(*given[0], "the start of a range") : 0;
  const int64_t stop = need_integer(given[1] ? *given[1] : *given[0], "the end of a range");
  const int64_t step = given[2] ? need_integer(*given[2], "the step of a range") : 1;
  if (step == 0) throw Failure{"a range of step 0", "", ""};
  Values items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (static_cast<int64_t>(items.size()) == max_range)
      throw Failure{"a range that is too long", fmt::format("at most {} numbers", max_range), ""};
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  runtime.spend_bytes(items.size() * sizeof(Value));
  return make_list(std::move(items));
}

Value dict(Runtime&, const Arguments& arguments) {
  Pairs items;
  if (arguments.positional.size() > 1)
    throw Failure{"several arguments of 'dict' without names", "at most one", ""};
  for (const auto& given : arguments.positional) {
    if (given.is_dict()) {
      items = given.dict().items;
      continue;
    }
    for (const auto& pair : items_of(given)) {
      Values parts = items_of(pair);
      if (parts.size() != 2)
        throw Failure{"an argument of 'dict' that has no pairs", "a dict or a list of pairs", ""};
      items.emplace_back(std::move(parts[0]), std::move(parts[1]));
    }
  }
  for (const auto& [name, value] : arguments.named) items.emplace_back(name, value);
  return make_dict(std::move(items));
}

Value new_namespace(Runtime& runtime, const Arguments& arguments) {
  auto* made = runtime.make<Namespace>();
  const Value content = dict(runtime, arguments);
  for (const auto& [name, value] : content.dict().items)
    made->set(need_text(name, "the name of an attribute"), value);
  return made;
}

Value raise_exception(Runtime& runtime, const Arguments& arguments) {
  const auto given = arguments.bind("raise_exception", {"message"});
  throw Failure{"the template refuses: " + text_of(runtime, given[0].value_or(Value(""))), "", ""};
}

Value strftime_now(Runtime& runtime, const Arguments& arguments) {
  const auto given = arguments.bind("strftime_now", {"format"});
  const std::string& format = need_text(given[0].value_or(Value()), "the format of a time");
  const std::time_t now = runtime.now();
  std::tm parts{};
  localtime_r(&now, &parts);
  std::array<char, 1000> text{};
  // What does not fit, as what is empty, gives nothing.
  const size_t size = std::strftime(text.data(), text.size(), format.c_str(), &parts);
  return to_utf8(std::string_view(text.data(), size));
}

}  // namespace

void define_globals(Runtime& runtime, Scope& scope) {
  const auto define = [&](const char* name, Function::Body body) {
    scope.set(name, runtime.make<Function>(name, std::move(body)));
  };
  define("range", range);
  define("dict", dict);
  define("namespace", new_namespace);
  define("raise_exception", raise_exception);
  define("strftime_now", strftime_now);
}

}  // namespace coppice::jinja
