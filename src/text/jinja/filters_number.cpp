// Filters that make numbers, and `default`.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

#include "base/strings.h"
#include "text/jinja/builtins.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"

namespace coppice::jinja {
namespace {

// The number that Python's float() reads, if it is one.
std::optional<double> read_float(const std::string& text) {
  std::string word(trim(text));
  if (word.find_first_of("xXpP(") != word.npos) return std::nullopt;  // what only C reads
  if (word.empty()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  if (end != word.c_str() + word.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> read_integer(const std::string& text, int base) {
  std::string word(trim(text));
  const bool minus = word.starts_with('-');
  if (minus || word.starts_with('+')) word.erase(0, 1);
  const char letter = base == 16 ? 'x' : base == 8 ? 'o' : base == 2 ? 'b' : '\0';
  if (letter != '\0' && word.size() > 2 && word[0] == '0' && (word[1] | 0x20) == letter) word.erase(0, 2);
  if (word.empty() || !std::isalnum(static_cast<unsigned char>(word[0]))) return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(word.c_str(), &end, base);
  if (end != word.c_str() + word.size()) return std::nullopt;
  if (errno == ERANGE) throw Failure{"a whole number beyond 64 bits", "", ""};
  return minus ? -value : value;
}

std::optional<int64_t> truncated(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  if (std::abs(value) >= 9.2e18) throw Failure{"a whole number beyond 64 bits", "", ""};
  return static_cast<int64_t>(value);
}

Value to_integer(Interpreter&, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("int", {"default", "base"});
  const Value fallback = given[0].value_or(Value(0));
  const int64_t base = given[1] ? need_integer(*given[1], "the base of 'int'") : 10;
  if (base < 2 || base > 36) throw Failure{fmt::format("the base {}", base), "2 to 36", ""};
  need_defined(input);
  std::optional<int64_t> result;
  if (input.is_integer()) return input.integer();
  if (input.is_number()) result = truncated(input.number());
  if (input.is_text()) {
    result = read_integer(input.text(), static_cast<int>(base));
    if (!result)
      if (const auto number = read_float(input.text())) result = truncated(*number);
  }
  return result ? Value(*result) : fallback;
}

Value to_float(Interpreter&, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("float", {"default"});
  need_defined(input);
  if (input.is_number()) return input.number();
  if (input.is_text())
    if (const auto number = read_float(input.text())) return *number;
  return given[0].value_or(Value(0.0));
}

Value absolute(Interpreter&, const Value& input, const Arguments& arguments) {
  arguments.bind("abs", {});
  need_defined(input);
  if (!input.is_number()) throw Failure{fmt::format("abs of {}", type_name(input)), "a number", ""};
  if (!input.is_integer()) return std::abs(input.number());
  return input.integer() < 0 ? apply(Sign::minus, input) : Value(input.integer());
}

Value round(Interpreter&, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("round", {"precision", "method"});
  const int64_t digits = given[0] ? need_integer(*given[0], "the precision of 'round'") : 0;
  const std::string method = given[1] ? need_text(*given[1], "the method of 'round'") : "common";
  need_defined(input);
  if (!input.is_number()) throw Failure{fmt::format("round of {}", type_name(input)), "a number", ""};
  if (method == "common") {
    if (input.is_integer() && digits >= 0) return input.integer();
    const double rounded = round_to(input.number(), digits);
    if (input.is_integer()) return truncated(rounded).value_or(0);
    return rounded;
  }
  if (method != "ceil" && method != "floor")
    throw Failure{fmt::format("the method '{}' of 'round'", method), "common, ceil or floor", ""};
  const double unit = std::pow(10.0, static_cast<double>(std::clamp<int64_t>(digits, -300, 300)));
  const double scaled = input.number() * unit;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit;
}

Value fallback(Interpreter&, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("default", {"default_value", "boolean"});
  const bool any = given[1] && truth(*given[1]);
  if (input.is_undefined() || (any && !truth(input))) return given[0].value_or(Value(""));
  return input;
}

}  // namespace

const Registry<Filter>& number_filters() {
  static const Registry<Filter> all("filter", {{"int", to_integer},
                                               {"float", to_float},
                                               {"abs", absolute},
                                               {"round", round},
                                               {"default", fallback},
                                               {"d", fallback}});
  return all;
}

}  // namespace coppice::jinja
