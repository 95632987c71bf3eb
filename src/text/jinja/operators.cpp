#include "text/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

#include "text/jinja/python_text.h"

namespace coppice::jinja {
namespace {

const char* symbol(Operator op) {
  switch (op) {
    case Operator::add:
      return "+";
    case Operator::subtract:
      return "-";
    case Operator::multiply:
      return "*";
    case Operator::divide:
      return "/";
    case Operator::floor_divide:
      return "//";
    case Operator::modulo:
      return "%";
    case Operator::power:
      return "**";
  }
  return "?";
}

int64_t fitting(bool overflowed, int64_t result) {
  if (overflowed) throw Failure{"a whole number beyond 64 bits", "", ""};
  return result;
}

void check_divisor(bool zero) {
  if (zero) throw Failure{"a division by zero", "", ""};
}

int64_t floor_divide(int64_t a, int64_t b) {
  check_divisor(b == 0);
  fitting(a == std::numeric_limits<int64_t>::min() && b == -1, 0);
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

Value power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    check_divisor(base == 0);
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  int64_t result = 1;
  // A base of more than one bit overflows before 64 rounds.
  if (base == 0 || base == 1 || base == -1)
    return exponent == 0 ? 1 : base == -1 && exponent % 2 == 0 ? 1 : base;
  for (; exponent > 0; --exponent) {
    const bool overflowed = __builtin_mul_overflow(result, base, &result);
    fitting(overflowed, 0);
  }
  return result;
}

Value of_integers(Operator op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case Operator::add:
      return fitting(__builtin_add_overflow(a, b, &result), 0) + result;
    case Operator::subtract:
      return fitting(__builtin_sub_overflow(a, b, &result), 0) + result;
    case Operator::multiply:
      return fitting(__builtin_mul_overflow(a, b, &result), 0) + result;
    case Operator::divide:
      check_divisor(b == 0);
      return static_cast<double>(a) / static_cast<double>(b);
    case Operator::floor_divide:
      return floor_divide(a, b);
    case Operator::modulo:
      check_divisor(b == 0);
      return b == -1 ? 0 : a % b + ((a % b != 0 && (a % b < 0) != (b < 0)) ? b : 0);
    case Operator::power:
      return power(a, b);
  }
  return {};
}

Value of_numbers(Operator op, double a, double b) {
  switch (op) {
    case Operator::add:
      return a + b;
    case Operator::subtract:
      return a - b;
    case Operator::multiply:
      return a * b;
    case Operator::divide:
      check_divisor(b == 0);
      return a / b;
    case Operator::floor_divide:
      check_divisor(b == 0);
      return std::floor(a / b);
    case Operator::modulo: {
      check_divisor(b == 0);
      const double rest = std::fmod(a, b);
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
    case Operator::power:
      return std::pow(a, b);
  }
  return {};
}

// "ab" * 3 and [1] * 3.
Value repeated(Runtime& runtime, const Value& value, int64_t count) {
  count = std::max<int64_t>(count, 0);
  const size_t size = value.is_text() ? value.text().size() : value.list().items.size() * sizeof(Value);
  if (size > 0 && count > (int64_t{1} << 40) / static_cast<int64_t>(size))
    count = (int64_t{1} << 40) / static_cast<int64_t>(size);
  runtime.spend_bytes(size * static_cast<size_t>(count));
  if (size == 0) count = 0;
  if (value.is_text()) {
    std::string text;
    for (int64_t i = 0; i < count; ++i) text += value.text();
    return text;
  }
  Values items;
  for (int64_t i = 0; i < count; ++i)
    items.insert(items.end(), value.list().items.begin(), value.list().items.end());
  return value.list().tuple ? make_tuple(std::move(items)) : make_list(std::move(items));
}

Value joined(Runtime& runtime, const List& a, const List& b) {
  runtime.spend_bytes((a.items.size() + b.items.size()) * sizeof(Value));
  Values items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return a.tuple ? make_tuple(std::move(items)) : make_list(std::move(items));
}

// Comparing costs as much as the smaller value has to be walked.
void pay_for_comparison(Runtime& runtime, const Value& a, const Value& b) {
  runtime.spend_steps(std::min(extent_of(a).values, extent_of(b).values));
  if (a.is_text() && b.is_text())
    runtime.spend_steps(static_cast<int64_t>(std::min(a.text().size(), b.text().size()) / 64));
}

int64_t clamped(const Value& value, int64_t fallback, int64_t length, int64_t low, int64_t high) {
  if (value.is<None>() || value.is_undefined()) return fallback;
  int64_t at = need_integer(value, "a part of a slice");
  if (at < 0) at = at < -length ? low : at + length;
  return std::clamp(at, low, high);
}

}  // namespace

Value apply(Runtime& runtime, Operator op, const Value& left, const Value& right) {
  // Python formats whatever stands behind %, and the rest of it fails on what is undefined.
  need_defined(left);
  if (left.is_text() && op == Operator::modulo) return percent_format(runtime, left.text(), right);
  need_defined(right);
  if (left.is_integer() && right.is_integer()) return of_integers(op, left.integer(), right.integer());
  if (left.is_number() && right.is_number()) return of_numbers(op, left.number(), right.number());
  if (op == Operator::add && left.is_text() && right.is_text()) {
    runtime.spend_bytes(left.text().size() + right.text().size());
    return left.text() + right.text();
  }
  if (op == Operator::add && left.is_list() && right.is_list() && left.list().tuple == right.list().tuple)
    return joined(runtime, left.list(), right.list());
  if (op == Operator::multiply) {
    if (right.is_integer() && (left.is_text() || left.is_list()))
      return repeated(runtime, left, right.integer());
    if (left.is_integer() && (right.is_text() || right.is_list()))
      return repeated(runtime, right, left.integer());
  }
  throw Failure{
      fmt::format("{} {} {}", type_name(left), symbol(op), type_name(right)), "operands that go together",
      op == Operator::add && (left.is_text() || right.is_text()) ? "'~' joins values of any type" : ""};
}

Value apply(Sign sign, const Value& operand) {
  if (sign == Sign::inverse) return !truth(operand);
  need_defined(operand);
  if (!operand.is_number()) throw Failure{fmt::format("the sign of {}", type_name(operand)), "a number", ""};
  if (operand.is_integer()) {
    const int64_t value = operand.integer();
    return sign == Sign::plus ? value : fitting(value == std::numeric_limits<int64_t>::min(), 0) - value;
  }
  return sign == Sign::plus ? operand.number() : -operand.number();
}

bool holds(Runtime& runtime, Relation relation, const Value& left, const Value& right) {
  if (relation == Relation::in) return contains(runtime, right, left);
  if (relation == Relation::not_in) return !contains(runtime, right, left);
  pay_for_comparison(runtime, left, right);
  switch (relation) {
    case Relation::equal:
      return equal(left, right);
    case Relation::unequal:
      return !equal(left, right);
    case Relation::less:
      return compare(left, right) < 0;
    case Relation::less_equal:
      return compare(left, right) <= 0;
    case Relation::greater:
      return compare(left, right) > 0;
    default:
      return compare(left, right) >= 0;
  }
}

bool contains(Runtime& runtime, const Value& whole, const Value& part) {
  if (whole.is_text()) {
    const std::string& text = need_text(part, "what is looked for in a string");
    runtime.spend_steps(static_cast<int64_t>(whole.text().size() / 64));
    return whole.text().find(text) != std::string::npos;
  }
  if (whole.is_dict()) {
    runtime.spend_steps(static_cast<int64_t>(whole.dict().items.size() / 8));
    return whole.dict().find(part) != nullptr;
  }
  for (const Value& item : whole.is_list() ? whole.list().items : items_of(whole)) {
    pay_for_comparison(runtime, item, part);
    if (equal(item, part)) return true;
  }
  return false;
}

Value item(Runtime& runtime, const Value& object, const Value& index) {
  need_defined(object);
  if (object.is_dict()) {
    runtime.spend_steps(static_cast<int64_t>(object.dict().items.size() / 8));
    if (const Value* found = object.dict().find(index)) return *found;
  } else if (index.is_integer() && object.is_list()) {
    const Values& items = object.list().items;
    const auto size = static_cast<int64_t>(items.size());
    const int64_t at = index.integer() < 0 ? index.integer() + size : index.integer();
    if (at >= 0 && at < size) return items[static_cast<size_t>(at)];
  } else if (index.is_integer() && object.is_text()) {
    const std::string& text = object.text();
    runtime.spend_steps(static_cast<int64_t>(text.size() / 64));
    const auto offsets = character_offsets(text);
    const auto size = static_cast<int64_t>(offsets.size()) - 1;
    const int64_t at = index.integer() < 0 ? index.integer() + size : index.integer();
    if (at >= 0 && at < size) {
      const auto place = static_cast<size_t>(at);
      return text.substr(offsets[place], offsets[place + 1] - offsets[place]);
    }
  }
  return make_undefined(index.is_text() ? fmt::format("a {} without '{}'", type_name(object), index.text())
                                        : fmt::format("a {} without that item", type_name(object)));
}

Value slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop, const Value& step) {
  need_defined(object);
  // As with any item that is not there.
  if (!object.is_list() && !object.is_text())
    return make_undefined(fmt::format("a {} without a slice", type_name(object)));
  const int64_t stride = step.is<None>() || step.is_undefined() ? 1 : need_integer(step, "a part of a slice");
  if (stride == 0) throw Failure{"a slice of step 0", "", ""};
  std::vector<size_t> offsets;
  if (object.is_text()) offsets = character_offsets(object.text());
  const auto length =
      static_cast<int64_t>(object.is_text() ? offsets.size() - 1 : object.list().items.size());
  const bool back = stride < 0;
  const int64_t low = back ? -1 : 0, high = back ? length - 1 : length;
  const int64_t first = clamped(start, back ? high : low, length, low, high);
  const int64_t last = clamped(stop, back ? low : high, length, low, high);
  runtime.spend_steps(length / 64 + 1);
  std::string text;
  Values items;
  for (int64_t i = first; back ? i > last : i < last;) {
    const auto at = static_cast<size_t>(i);
    if (object.is_text())
      text.append(object.text(), offsets[at], offsets[at + 1] - offsets[at]);
    else
      items.push_back(object.list().items[at]);
    if (__builtin_add_overflow(i, stride, &i)) break;
  }
  runtime.spend_bytes(text.size() + items.size() * sizeof(Value));
  if (object.is_text()) return text;
  return object.list().tuple ? make_tuple(std::move(items)) : make_list(std::move(items));
}

double round_to(double number, int64_t digits) {
  if (!std::isfinite(number) || digits > 300) return number;
  if (digits < -300) return 0;
  if (digits >= 0) return std::strtod(fmt::format("{:.{}f}", number, digits).c_str(), nullptr);
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(number / unit) * unit;
}

std::string percent_format(Runtime& runtime, std::string_view format, const Value& arguments) {
  const bool many = arguments.is_list() && arguments.list().tuple;
  std::string out;
  size_t used = 0;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    const size_t begin = ++i;
    while (i < format.size() && std::string_view("-+ 0123456789.").find(format[i]) != std::string_view::npos)
      ++i;
    if (i == format.size()) throw Failure{"a format that ends behind its '%'", "", ""};
    if (i - begin > 6) throw Failure{"a format of too large a width", "at most 6 characters", ""};
    const std::string_view flags = format.substr(begin, i - begin);
    if (format[i] == '%') {
      out += '%';
      continue;
    }
    if (many ? used >= arguments.list().items.size() : used > 0)
      throw Failure{"fewer arguments than the format asks for", "", ""};
    const Value value = many ? arguments.list().items[used] : arguments;
    ++used;
    std::string spec = "%" + std::string(flags);
    const auto print = [&](auto argument) {
      // The widths have few digits, but may still be large.
      const int size = std::snprintf(nullptr, 0, spec.c_str(), argument);
      if (size < 0) throw Failure{fmt::format("the format '{}'", spec), "", ""};
      runtime.spend_bytes(static_cast<size_t>(size));
      std::string text(static_cast<size_t>(size) + 1, '\0');
      std::snprintf(text.data(), text.size(), spec.c_str(), argument);
      text.pop_back();
      return text;
    };
    const char kind = format[i];
    if (kind == 's' || kind == 'r') {
      const std::string text = kind == 's' ? text_of(runtime, value) : repr(runtime, value);
      spec += 's';
      out += flags.empty() ? text : print(text.c_str());
    } else if (std::string_view("dixX").find(kind) != std::string_view::npos && value.is_number()) {
      const double number = value.number();
      if (!(std::abs(number) < 9e18)) throw Failure{"a whole number beyond 64 bits", "", ""};
      spec += std::string("ll") + (kind == 'i' ? 'd' : kind);
      out += print(value.is_integer() ? static_cast<long long>(value.integer())
                                      : static_cast<long long>(number));
    } else if (std::string_view("feEgG").find(kind) != std::string_view::npos && value.is_number()) {
      spec += kind;
      out += print(value.number());
    } else {
      throw Failure{fmt::format("the format '%{}{}' of {}", flags, kind, type_name(value)), "s, r, d or f",
                    ""};
    }
  }
  if (many ? used < arguments.list().items.size() : used == 0 && !arguments.is_list() && !arguments.is_dict())
    throw Failure{"more arguments than the format asks for", "", ""};
  runtime.spend_bytes(out.size());
  return out;
}

}  // namespace coppice::jinja
