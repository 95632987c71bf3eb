#pragma once
// What every part of a rendering shares: its limits, its clock and the objects that it owns. And the
// arguments of calls, as functions, filters, tests and methods see them.

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace coppice::jinja {

// A template is foreign code: what it may do is bounded, so that none runs or grows for ever.
struct Limits {
  int64_t steps = 5'000'000;         // parts of the template evaluated, and items gone through
  int64_t bytes = int64_t{1} << 28;  // of all texts and lists made, also of those thrown away
  int depth = 600;                   // evaluations within each other
};

class Runtime {
 public:
  Runtime(const Limits& limits, int64_t now) : limits_(limits), now_(now) {}

  // Each throws a Failure once its limit is passed.
  void spend_steps(int64_t count);
  void spend_bytes(size_t count);

  // Seconds since 1970.
  int64_t now() const { return now_; }

  template <class T, class... Arguments>
  T* make(Arguments&&... arguments) {
    spend_bytes(sizeof(T));
    auto object = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T* result = object.get();
    objects_.push_back(std::move(object));
    return result;
  }

  // One level of evaluation within another.
  class Level {
   public:
    explicit Level(Runtime& runtime);
    ~Level() { --runtime_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Runtime& runtime_;
  };

 private:
  Limits limits_;
  int64_t now_;
  int64_t steps_ = 0, bytes_ = 0;
  int depth_ = 0;
  std::vector<std::unique_ptr<Object>> objects_;
};

// The arguments of one call.
struct Arguments {
  Values positional;
  std::vector<std::pair<std::string, Value>> named;

  // The arguments by the names of the parameters, in that order; those not given are empty. `what` is called.
  // More arguments than names, an unknown name and one given twice are Failures.
  std::vector<std::optional<Value>> bind(std::string_view what,
                                         std::initializer_list<const char*> names) const;
};

// What a template calls: range(…), a bound method.
class Function : public Object {
 public:
  using Body = std::function<Value(Runtime&, const Arguments&)>;
  Function(std::string name, Body body) : name_(std::move(name)), body_(std::move(body)) {}

  std::string kind() const override { return "function"; }
  bool callable() const override { return true; }
  std::unique_ptr<Value> attribute(const std::string&) const override { return nullptr; }
  Value call(Runtime& runtime, const Arguments& arguments) const { return body_(runtime, arguments); }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  Body body_;
};

// namespace(…): the only value that a template can change.
class Namespace : public Object {
 public:
  std::string kind() const override { return "namespace"; }
  std::unique_ptr<Value> attribute(const std::string& name) const override;
  void set(const std::string& name, Value value);

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
};

// Arguments of the type that they must have; anything else is a Failure that names `what`.
int64_t need_integer(const Value& value, std::string_view what);
const std::string& need_text(const Value& value, std::string_view what);

}  // namespace coppice::jinja
