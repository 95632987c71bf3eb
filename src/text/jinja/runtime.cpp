#include "text/jinja/runtime.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/nearest.h"

namespace coppice::jinja {

void Runtime::spend_steps(int64_t count) {
  steps_ += count;
  if (steps_ > limits_.steps)
    throw Failure{"the template does not come to an end", fmt::format("at most {} steps", limits_.steps), ""};
}

void Runtime::spend_bytes(size_t count) {
  // No count comes near the type's limits: it is the size of what exists or is about to, checked by the
  // caller.
  bytes_ += static_cast<int64_t>(std::min<size_t>(count, size_t{1} << 40));
  if (bytes_ > limits_.bytes)
    throw Failure{"the template makes too much text or too many lists",
                  fmt::format("at most {} bytes", limits_.bytes), ""};
}

Runtime::Level::Level(Runtime& runtime) : runtime_(runtime) {
  if (runtime_.depth_ >= runtime_.limits_.depth)
    throw Failure{"evaluation nested too deeply", fmt::format("at most {} levels", runtime_.limits_.depth),
                  "perhaps a macro that calls itself"};
  ++runtime_.depth_;
}

std::vector<std::optional<Value>> Arguments::bind(std::string_view what,
                                                  std::initializer_list<const char*> names) const {
  if (positional.size() > names.size())
    throw Failure{fmt::format("{} arguments of '{}'", positional.size(), what),
                  fmt::format("at most {}", names.size()), ""};
  std::vector<std::optional<Value>> bound(positional.begin(), positional.end());
  bound.resize(names.size());
  for (const auto& [name, value] : named) {
    const auto* const at =
        std::find_if(names.begin(), names.end(), [&name = name](const char* known) { return name == known; });
    if (at == names.end())
      throw Failure{fmt::format("unknown argument '{}' of '{}'", name, what), "",
                    suggest(name, std::vector<std::string>(names.begin(), names.end()))};
    auto& place = bound[static_cast<size_t>(at - names.begin())];
    if (place) throw Failure{fmt::format("argument '{}' of '{}' is given twice", name, what), "", ""};
    place = value;
  }
  return bound;
}

std::unique_ptr<Value> Namespace::attribute(const std::string& name) const {
  for (const auto& [known, value] : attributes_)
    if (known == name) return std::make_unique<Value>(value);
  return nullptr;
}

void Namespace::set(const std::string& name, Value value) {
  for (auto& [known, old] : attributes_)
    if (known == name) {
      old = std::move(value);
      return;
    }
  attributes_.emplace_back(name, std::move(value));
}

int64_t need_integer(const Value& value, std::string_view what) {
  need_defined(value);
  if (!value.is_integer())
    throw Failure{fmt::format("{} as {}", type_name(value), what), "a whole number", ""};
  return value.integer();
}

const std::string& need_text(const Value& value, std::string_view what) {
  need_defined(value);
  if (!value.is_text()) throw Failure{fmt::format("{} as {}", type_name(value), what), "a string", ""};
  return value.text();
}

}  // namespace coppice::jinja
