// Filters that make text.

#include <algorithm>

#include <fmt/format.h>

#include "base/strings.h"
#include "text/jinja/builtins.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/utf8.h"

namespace coppice::jinja {
namespace {

std::string input_text(Interpreter& in, const Value& input) {
  return text_of(in.runtime(), input);
}

Value trim(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("trim", {"chars"});
  const Value text = input_text(in, input);
  Arguments strip;
  if (given[0]) strip.positional = {*given[0]};
  return find_method(text, "strip")(in.runtime(), text, strip);
}

template <std::string (*change)(std::string_view)>
Value changed(Interpreter& in, const Value& input, const Arguments& arguments) {
  arguments.bind("the filter", {});
  return change(input_text(in, input));
}

// Unlike str.title, every word begins behind a space, a hyphen or an opening bracket only.
std::string title(std::string_view text) {
  std::string out;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_character(text, at);
    const std::string_view character = text.substr(begin, at - begin);
    out += inside ? lower_case(character) : upper_case(character);
    inside = !is_python_space(c) &&
             (c >= 0x80 || std::string_view("-({[<").find(static_cast<char>(c)) == std::string_view::npos);
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&#34;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += c;
  }
  return out;
}

Value text(Interpreter& in, const Value& input, const Arguments& arguments) {
  arguments.bind("string", {});
  return input_text(in, input);
}

Value replace(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("replace", {"old", "new", "count"});
  if (!given[0] || !given[1]) throw Failure{"'replace' without what to replace or by what", "both", ""};
  const bool all = !given[2] || given[2]->is<None>();
  return replace_all(in.runtime(), input_text(in, input), input_text(in, *given[0]),
                     input_text(in, *given[1]), all ? -1 : need_integer(*given[2], "a count"));
}

Value indent(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("indent", {"width", "first", "blank"});
  std::string margin(4, ' ');
  if (given[0]) {
    if (given[0]->is_text()) {
      margin = given[0]->text();
    } else {
      const int64_t width = std::max<int64_t>(0, need_integer(*given[0], "the width of 'indent'"));
      in.runtime().spend_bytes(static_cast<size_t>(width));
      margin.assign(static_cast<size_t>(width), ' ');
    }
  }
  const bool first = given[1] && truth(*given[1]), blank = given[2] && truth(*given[2]);
  const auto lines = split_lines(input_text(in, input) + "\n");
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    const bool indented = i == 0 ? first : blank || !lines[i].empty();
    if (indented) in.runtime().spend_bytes(margin.size());
    if (indented) out += margin;
    out += lines[i];
  }
  return out;
}

Value to_json(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  // Jinja's own filter has the indent as its first argument, that of Transformers as its second.
  if (given[0] && !given[0]->is<None>()) style.ascii = truth(*given[0]);
  if (given[1] && !given[1]->is<None>()) {
    style.between = ",";
    if (given[1]->is_text()) {
      style.indent = given[1]->text();
    } else {
      const int64_t width = need_integer(*given[1], "the indent of 'tojson'");
      if (width > 100) throw Failure{fmt::format("an indent of {}", width), "at most 100", ""};
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(0, width)), ' ');
    }
  }
  if (given[2] && !given[2]->is<None>()) {
    const Values parts = items_of(*given[2]);
    if (parts.size() != 2) throw Failure{"separators of 'tojson' that are no pair", "two strings", ""};
    style.between = need_text(parts[0], "a separator");
    style.after_key = need_text(parts[1], "a separator");
  }
  style.sort_keys = given[3] && truth(*given[3]);
  return json_text(in.runtime(), input, style);
}

Value join(Interpreter& in, const Value& input, const Arguments& arguments) {
  const auto given = arguments.bind("join", {"d", "attribute"});
  const std::string separator = given[0] ? input_text(in, *given[0]) : "";
  const bool attribute = given[1] && !given[1]->is<None>();
  std::string out;
  bool first = true;
  for (const auto& item : items_of(input)) {
    in.runtime().spend_steps(1);
    if (!first) {
      in.runtime().spend_bytes(separator.size());
      out += separator;
    }
    first = false;
    out += input_text(in, attribute ? attribute_path(in, item, *given[1]) : item);
  }
  return out;
}

Value format(Interpreter& in, const Value& input, const Arguments& arguments) {
  if (!arguments.named.empty()) throw Failure{"'format' of arguments with names", "arguments without", ""};
  return percent_format(in.runtime(), input_text(in, input), make_tuple(arguments.positional));
}

Value word_count(Interpreter& in, const Value& input, const Arguments& arguments) {
  arguments.bind("wordcount", {});
  const std::string text = input_text(in, input);
  int64_t count = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    const bool word = is_word(c);
    count += word && !inside;
    inside = word;
  }
  return count;
}

}  // namespace

const Registry<Filter>& text_filters() {
  static const Registry<Filter> all("filter", {{"trim", trim},
                                               {"upper", changed<upper_case>},
                                               {"lower", changed<lower_case>},
                                               {"title", changed<title>},
                                               {"capitalize", changed<capitalized>},
                                               {"escape", changed<escaped>},
                                               {"e", changed<escaped>},
                                               {"forceescape", changed<escaped>},
                                               {"string", text},
                                               {"safe", text},
                                               {"replace", replace},
                                               {"indent", indent},
                                               {"tojson", to_json},
                                               {"join", join},
                                               {"format", format},
                                               {"wordcount", word_count}});
  return all;
}

}  // namespace coppice::jinja
