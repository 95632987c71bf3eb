#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <utf8proc.h>

#include "text/jinja/python_text.h"
#include "text/utf8.h"

namespace coppice::jinja {
namespace {

bool is_printable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return c == ' ';
    default:
      return true;
  }
}

std::string python_quoted(std::string_view text) {
  const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_character(text, at);
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\\' || c == static_cast<char32_t>(quote))
      (out += '\\') += static_cast<char>(c);
    else if (is_printable(c))
      out += text.substr(begin, at - begin);
    else if (c < 0x100)
      out += fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
    else if (c < 0x10000)
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    else
      out += fmt::format("\\U{:08x}", static_cast<uint32_t>(c));
  }
  return out + quote;
}

std::string json_quoted(std::string_view text, bool ascii) {
  std::string out = "\"";
  const auto escape = [&out](uint32_t unit) { out += fmt::format("\\u{:04x}", unit); };
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_character(text, at);
    static constexpr std::string_view letters = "\"\\nrtbf", meanings = "\"\\\n\r\t\b\f";
    if (const size_t known = c < 0x80 ? meanings.find(static_cast<char>(c)) : meanings.npos;
        known != meanings.npos)
      (out += '\\') += letters[known];
    else if (c < 0x20 || (ascii && c >= 0x7F && c < 0x10000 && c != 0x7F))
      escape(c);
    else if (ascii && c >= 0x10000)
      escape(0xD800 + ((c - 0x10000) >> 10)), escape(0xDC00 + ((c - 0x10000) & 0x3FF));
    else
      out += text.substr(begin, at - begin);
  }
  return out + '"';
}

class Writer {
 public:
  explicit Writer(Runtime& runtime) : runtime_(runtime) {}

  std::string out;

  void add(std::string_view part) {
    runtime_.spend_bytes(part.size());
    out += part;
  }

  // As repr() of Python.
  void value(const Value& value) {
    runtime_.spend_steps(1);
    if (value.is_text()) return add(python_quoted(value.text()));
    if (value.is_list()) {
      const List& list = value.list();
      add(list.tuple ? "(" : "[");
      for (size_t i = 0; i < list.items.size(); ++i) {
        if (i > 0) add(", ");
        this->value(list.items[i]);
      }
      if (list.tuple && list.items.size() == 1) add(",");
      return add(list.tuple ? ")" : "]");
    }
    if (value.is_dict()) {
      add("{");
      bool first = true;
      for (const auto& [key, item] : value.dict().items) {
        if (!first) add(", ");
        first = false;
        this->value(key);
        add(": ");
        this->value(item);
      }
      return add("}");
    }
    scalar(value);
  }

  void scalar(const Value& value) {
    if (value.is_undefined()) return add("Undefined");
    if (value.is<None>()) return add("None");
    if (value.is<bool>()) return add(value.boolean() ? "True" : "False");
    if (value.is_integer()) return add(fmt::format("{}", value.integer()));
    if (value.is_number()) return add(number_text(value.number()));
    add(fmt::format("<{}>", value.object()->kind()));
  }

  void json(const Value& value, const JsonStyle& style, int level) {
    runtime_.spend_steps(1);
    if (value.is_text()) return add(json_quoted(value.text(), style.ascii));
    if (value.is<None>()) return add("null");
    if (value.is<bool>()) return add(value.boolean() ? "true" : "false");
    if (value.is_integer()) return add(fmt::format("{}", value.integer()));
    if (value.is_number()) return add(json_number(value.number()));
    if (value.is_list()) {
      const Values& items = value.list().items;
      if (items.empty()) return add("[]");
      add("[");
      for (size_t i = 0; i < items.size(); ++i) {
        before_item(style, level + 1, i == 0);
        json(items[i], style, level + 1);
      }
      new_line(style, level);
      return add("]");
    }
    if (value.is_dict()) return json_dict(value.dict(), style, level);
    need_defined(value);
    throw Failure{fmt::format("{} as JSON", type_name(value)), "a value that JSON has", ""};
  }

 private:
  static std::string json_number(double number) {
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
    return number_text(number);
  }

  void json_dict(const Dict& dict, const JsonStyle& style, int level) {
    if (dict.items.empty()) return add("{}");
    Pairs items = dict.items;
    if (style.sort_keys)
      std::stable_sort(items.begin(), items.end(),
                       [](const auto& a, const auto& b) { return compare(a.first, b.first) < 0; });
    add("{");
    for (size_t i = 0; i < items.size(); ++i) {
      before_item(style, level + 1, i == 0);
      const Value& key = items[i].first;
      if (key.is_text()) {
        json(key, style, level);
      } else if (key.is_number() || key.is<None>()) {
        add("\"");
        json(key, style, level);
        add("\"");
      } else {
        throw Failure{fmt::format("a {} as a key of JSON", type_name(key)), "a string", ""};
      }
      add(style.after_key);
      json(items[i].second, style, level + 1);
    }
    new_line(style, level);
    add("}");
  }

  void before_item(const JsonStyle& style, int level, bool first) {
    if (!first) add(style.between);
    new_line(style, level);
  }

  void new_line(const JsonStyle& style, int level) {
    if (!style.indent) return;
    add("\n");
    for (int i = 0; i < level; ++i) add(*style.indent);
  }

  Runtime& runtime_;
};

}  // namespace

std::string number_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  std::array<char, 64> buffer{};
  const auto written =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::scientific);
  std::string text(buffer.data(), written.ptr);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return text;
  std::string sign = text.starts_with('-') ? "-" : "", digits = text.substr(sign.size(), e - sign.size());
  std::erase(digits, '.');
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string text_of(Runtime& runtime, const Value& value) {
  if (value.is_undefined()) return "";
  if (!value.is_text()) return repr(runtime, value);
  runtime.spend_bytes(value.text().size());
  return value.text();
}

std::string repr(Runtime& runtime, const Value& value) {
  Writer writer(runtime);
  writer.value(value);
  return std::move(writer.out);
}

std::string json_text(Runtime& runtime, const Value& value, const JsonStyle& style) {
  Writer writer(runtime);
  writer.json(value, style, 0);
  return std::move(writer.out);
}

}  // namespace coppice::jinja
