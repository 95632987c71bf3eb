// Bad templates, by name: each is one Error that says the line and what is wrong.

#include <gmock/gmock.h>

#include "base/json.h"
#include "support.h"
#include "text/jinja/lexer.h"
#include "text/jinja/template.h"

namespace coppice::jinja {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string repeated(const std::string& text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

struct Bad {
  const char* name;
  std::string source;
  std::string line;
  std::string says;
};

std::ostream& operator<<(std::ostream& out, const Bad& bad) {
  return out << bad.name;
}

class BadTemplate : public ::testing::TestWithParam<Bad> {};

TEST_P(BadTemplate, IsAnErrorWithItsLine) {
  const Bad& bad = GetParam();
  const Json variables = {{"text", "abc"}, {"list", {1, 2}}, {"dict", {{"a", 1}}}, {"nothing", nullptr}};
  const std::string message =
      test::error_of([&] { Template(bad.source, "chat_template.jinja").render(variables, 0); });
  EXPECT_THAT(message,
              AllOf(HasSubstr("chat_template.jinja" + (bad.line.empty() ? "" : ", line " + bad.line)),
                    HasSubstr(bad.says)));
}

INSTANTIATE_TEST_SUITE_P(
    Named, BadTemplate,
    ::testing::Values(
        Bad{"print_without_end", "a\n{{ x", "2", "without its end"},
        Bad{"block_without_end", "{% if x", "1", "without its end"},
        Bad{"comment_without_end", "\n\n{# x", "3", "comment"},
        Bad{"raw_without_end", "{% raw %}x", "1", "endraw"},
        Bad{"string_without_end", "{{ 'x }}", "1", "string"},
        Bad{"bad_escape", "{{ '\\xg0' }}", "1", "escapes"},
        Bad{"surrogate", "{{ '\\ud800' }}", "1", "escapes"},
        Bad{"bracket_never_closed", "{{ (1 }}", "1", "')'"},
        Bad{"bracket_never_opened", "{{ 1) }}", "1", "closes nothing"},
        Bad{"strange_character", "{{ a ? b }}", "1", "'?'"},
        Bad{"huge_number", "{{ 99999999999999999999 }}", "1", "64 bits"},
        Bad{"if_without_end", "\n{% if true %}x", "2", "endif"},
        Bad{"for_without_end", "{% for x in list %}\n", "1", "endfor"},
        Bad{"end_without_begin", "a\n{% endif %}", "2", "endif"},
        Bad{"else_without_if", "{% else %}", "1", "else"},
        Bad{"unknown_statement", "{% fro x in y %}", "1", "did you mean 'for'"},
        Bad{"inheritance", "{% extends 'base.html' %}", "1", "extends"},
        Bad{"include", "{% include '/etc/hostname' %}", "1", "include"},
        Bad{"nothing_to_print", "{{ }}", "1", "an expression"}, Bad{"two_values", "{{ 1 2 }}", "1", "'}}'"},
        Bad{"break_outside", "{% break %}", "1", "outside of a loop"},
        Bad{"assign_to_constant", "{% set true = 1 %}", "1", "'true'"},
        Bad{"assign_to_no_namespace", "{% set dict.a = 2 %}", "1", "namespace"},
        Bad{"parameter_twice", "{% macro m(a, a) %}{% endmacro %}", "1", "twice"},
        Bad{"unknown_filter", "x\n{{ text | uper }}", "2", "did you mean 'upper'"},
        Bad{"unknown_test", "{{ text is strin }}", "1", "string"},
        Bad{"unknown_argument", "{{ text | indent(widht=2) }}", "1", "width"},
        Bad{"argument_twice", "{{ text | indent(2, width=2) }}", "1", "twice"},
        Bad{"too_many_arguments", "{{ text | trim(1, 2) }}", "1", "at most 1"},
        Bad{"too_many_for_a_macro", "{% macro m(a) %}{% endmacro %}\n{{ m(1, 2) }}", "2", "at most 1"},
        Bad{"undefined_attribute", "{{ missing.name }}", "1", "'missing'"},
        Bad{"undefined_call", "\n{{ missing() }}", "2", "'missing'"},
        Bad{"undefined_sum", "{{ missing + 'x' }}", "1", "'missing'"},
        Bad{"sum_of_text_and_none", "{{ 'x' + nothing }}", "1", "str + None"},
        Bad{"order_of_text_and_number", "{{ 'x' < 1 }}", "1", "no order"},
        Bad{"loop_over_a_number", "{% for x in 5 %}{% endfor %}", "1", "int"},
        Bad{"unpack_too_few", "{% for a, b in [[1]] %}{% endfor %}", "1", "1 values for 2 names"},
        Bad{"division_by_zero", "{{ 1 // 0 }}", "1", "zero"},
        Bad{"overflow", "{{ 9223372036854775807 + 1 }}", "1", "64 bits"},
        Bad{"smallest_by_minus_one", "{{ (-9223372036854775807 - 1) // -1 }}", "1", "64 bits"},
        Bad{"slice_of_step_zero", "{{ list[::0] }}", "1", "step 0"},
        Bad{"change_of_a_list", "{{ list.append(3) }}", "1", "append"},
        Bad{"change_of_a_dict", "{{ dict.update({}) }}", "1", "update"},
        Bad{"json_of_a_function", "{{ range | tojson }}", "1", "JSON"},
        Bad{"list_as_key", "{{ {[1]: 2} }}", "1", "key"},
        Bad{"raised", "a\n\n{{ raise_exception('roles must alternate') }}", "3", "roles must alternate"},
        Bad{"raised_in_a_macro", "{% macro m() %}\n{{ raise_exception('no') }}{% endmacro %}\n{{ m() }}", "2",
            "no"},
        Bad{"long_range", "{{ range(100001) | list }}", "1", "at most 100000"},
        Bad{"endless_range", "{{ range(-9223372036854775807, 9223372036854775807) }}", "1", "at most 100000"},
        Bad{"loops_in_loops", repeated("{% for x in range(1000) %}", 4) + "\n" + repeated("{% endfor %}", 4),
            "1", "come to an end"},
        Bad{"macro_for_ever", "{% macro m() %}\n{{ m() }}{% endmacro %}{{ m() }}", "2", "calls itself"},
        Bad{"doubling_text",
            "{% set n = namespace(t='ab') %}\n{% for i in range(99) %}{% set n.t = n.t ~ n.t %}{% endfor %}",
            "2", "too much text"},
        Bad{"doubling_list",
            "{% set n = namespace(l=[1]) %}\n{% for i in range(99) %}{% set n.l = [n.l, n.l] %}{% endfor %}",
            "2", "too many values"},
        Bad{"deepening_list",
            "{% set n = namespace(l=[]) %}{% for i in range(999) %}\n{% set n.l = [n.l] %}{% endfor %}", "2",
            "too deeply"},
        Bad{"repeated_text", "{{ 'x' * 9223372036854775807 }}", "1", "too much text"},
        Bad{"wide_format", "{{ '%99999999d' % 1 }}", "1", "format"},
        Bad{"wide_text", "{{ 'x'.center(9223372036854775807) }}", "1", "too much text"},
        Bad{"deep_brackets", "{{ " + repeated("[", 5000) + repeated("]", 5000) + " }}", "1", "too deeply"},
        Bad{"deep_signs", "{{ " + repeated("-", 5000) + "1 }}", "1", "too deeply"},
        Bad{"deep_sum", "{{ 1" + repeated("+1", 5000) + " }}", "1", "too deeply"},
        Bad{"deep_blocks", repeated("{% if true %}", 5000), "1", "too deeply"},
        Bad{"not_utf8", "a\xFF", "", "UTF-8"},
        Bad{"too_large", std::string(max_template_bytes + 1, 'a'), "", "at most"}),
    [](const auto& tested) { return tested.param.name; });

TEST(BadTemplates, EveryPartOfATemplateIsRefusedOrRendered) {
  const std::string whole =
      "{% set n = namespace(a=1) %}{% for m in list if m is odd %}{{ m | string ~ 'x'[0:1] }}{% else %}-{% "
      "endfor %}"
      "{% macro f(a, b=2) -%} {{ a if b else [1, (2,), {'k': 3}] }} {%- endmacro %}{{ f(1) }}{% raw %}{{{% "
      "endraw %}{# #}";
  const Json variables = {{"list", {1, 2, 3}}};
  EXPECT_EQ(Template(whole, "t").render(variables, 0), "1x3x1{{");
  for (size_t begin = 0; begin < whole.size(); ++begin)
    for (const size_t size : {size_t{7}, whole.size() - begin}) {
      try {
        Template(whole.substr(begin, size), "t").render(variables, 0);
      } catch (const Error&) {
      }
    }
}

TEST(BadTemplates, LimitsAreThoseThatAreGiven) {
  const Template loop("{% for i in range(100) %}x{% endfor %}", "t");
  EXPECT_EQ(loop.render(Json::object(), 0).size(), 100u);
  EXPECT_THAT(test::error_of([&] { loop.render(Json::object(), 0, {.steps = 50}); }),
              HasSubstr("at most 50 steps"));
  EXPECT_THAT(test::error_of([&] { loop.render(Json::object(), 0, {.bytes = 50}); }),
              HasSubstr("at most 50 bytes"));
}

}  // namespace
}  // namespace coppice::jinja
