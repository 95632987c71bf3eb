#pragma once
// The values that a template computes with. All are immutable, as in the sandbox that Transformers renders
// chat templates in; only a namespace, which is an Object, can be changed.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"

namespace coppice::jinja {

// What goes wrong inside a template, thrown by whatever does not know the line; the evaluator adds the line
// and makes an Error of it.
struct Failure {
  std::string found, expected, advice;
};

// A name, key or attribute that is not there; `hint` says which. It prints as nothing and is false, but most
// other uses of it fail.
struct Undefined {
  std::shared_ptr<const std::string> hint;
};

struct None {};
struct List;
struct Dict;
class Object;

class Value {
 public:
  Value() : content_(Undefined{}) {}
  Value(Undefined value) : content_(std::move(value)) {}
  Value(None value) : content_(value) {}
  Value(bool value) : content_(value) {}
  Value(int value) : content_(static_cast<int64_t>(value)) {}
  Value(int64_t value) : content_(value) {}
  Value(double value) : content_(value) {}
  Value(std::string value) : content_(std::make_shared<const std::string>(std::move(value))) {}
  Value(std::string_view value) : Value(std::string(value)) {}
  Value(const char* value) : Value(std::string(value)) {}
  Value(std::shared_ptr<const List> value) : content_(std::move(value)) {}
  Value(std::shared_ptr<const Dict> value) : content_(std::move(value)) {}
  // The interpreter owns its objects; they live until the rendering ends.
  Value(Object* value) : content_(value) {}

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(content_);
  }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_text() const { return is<std::shared_ptr<const std::string>>(); }
  bool is_list() const { return is<std::shared_ptr<const List>>(); }  // or a tuple
  bool is_dict() const { return is<std::shared_ptr<const Dict>>(); }
  bool is_integer() const { return is<int64_t>() || is<bool>(); }  // as in Python, true is 1
  bool is_number() const { return is_integer() || is<double>(); }

  // Each is only for a value that is one.
  bool boolean() const { return std::get<bool>(content_); }
  int64_t integer() const { return is<bool>() ? boolean() : std::get<int64_t>(content_); }
  double number() const { return is<double>() ? std::get<double>(content_) : static_cast<double>(integer()); }
  const std::string& text() const { return *std::get<std::shared_ptr<const std::string>>(content_); }
  const List& list() const { return *std::get<std::shared_ptr<const List>>(content_); }
  const Dict& dict() const { return *std::get<std::shared_ptr<const Dict>>(content_); }
  Object* object() const { return is<Object*>() ? std::get<Object*>(content_) : nullptr; }
  const Undefined& undefined() const { return std::get<Undefined>(content_); }

 private:
  std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const std::string>,
               std::shared_ptr<const List>, std::shared_ptr<const Dict>, Object*>
      content_;
};

using Values = std::vector<Value>;
using Pairs = std::vector<std::pair<Value, Value>>;

// What it takes to walk a value: the lists and dicts within each other, and the values in all. A list may
// hold another many times, so that a few steps can make a value of any extent; therefore both are bounded.
struct Extent {
  int depth = 0;
  int64_t values = 1;
};

inline constexpr int max_value_depth = 100;
inline constexpr int64_t max_value_extent = 10'000'000;

struct List {
  Values items;
  bool tuple = false;
  Extent extent;
};

struct Dict {
  Pairs items;  // in the order of insertion
  Extent extent;
  const Value* find(const Value& key) const;
};

Extent extent_of(const Value& value);

// An extent beyond the limits is a Failure.
Value make_list(Values items);
Value make_tuple(Values items);
// Of equal keys the last value holds; a key that is a list or a dict is a Failure.
Value make_dict(Pairs items);
Value make_undefined(std::string hint);

// An integer that does not fit 64 bits is a Failure.
Value from_json(const Json& json);

// A value of a template that is more than data: a namespace, a macro, a function, a loop.
class Object {
 public:
  virtual ~Object() = default;
  virtual std::string kind() const = 0;
  virtual bool callable() const { return false; }
  // The attribute, or nullptr for what is not there.
  virtual std::unique_ptr<Value> attribute(const std::string& name) const = 0;
};

// As Python names the type in its messages: "str", "dict" …
std::string type_name(const Value& value);

bool truth(const Value& value);

// Equality as in Python: numbers by value whatever their type, lists and dicts by content.
bool equal(const Value& a, const Value& b);

// -1, 0 or 1; values without an order are a Failure.
int compare(const Value& a, const Value& b);

// The items that a loop over `value` goes through: of a list its own, of a dict its keys, of a text its
// characters, of what is undefined none. Anything else is a Failure.
Values items_of(const Value& value);

// Throws the Failure that a use of an undefined value is; anything else passes.
void need_defined(const Value& value);

}  // namespace coppice::jinja
