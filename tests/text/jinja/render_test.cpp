// Templates and the text that Jinja's documentation gives them.

#include <gmock/gmock.h>

#include "base/json.h"
#include "support.h"
#include "text/jinja/template.h"

namespace coppice::jinja {
namespace {

struct Case {
  const char* source;
  const char* text;
};

Json variables() {
  return parse_json(R"({"text": "  Hello World ", "list": [3, 1, 2], "none": null, "yes": true, "half": 0.5,
                        "dict": {"b": 1, "a": [true, null, "it's"], "items": 7},
                        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"},
                                     {"role": "assistant", "content": "A", "tool_calls": [{"name": "f"}]}]})",
                    "variables");
}

void expect_texts(std::initializer_list<Case> cases) {
  for (const auto& [source, text] : cases) {
    std::string found;
    try {
      found = Template(source, "template").render(variables(), 0);
    } catch (const Error& error) {
      found = error.what();
    }
    EXPECT_EQ(found, text) << source;
  }
}

TEST(Jinja, WhitespaceAroundTagsIsControlled) {
  expect_texts({
      {"a\n{% if yes %}\nb\n{% endif %}\nc\n", "a\nb\nc"},
      {"a\n  {% if yes %}  \nb{% endif %}", "a\n  \nb"},
      {"x  {% if yes %}y{% endif %}", "x  y"},
      {"  {%+ if yes %}x{% endif %}", "  x"},
      {"{% if yes +%}\nx{% endif %}", "\nx"},
      {"a \n {{- 1 -}} \n b", "a1b"},
      {"{# note #}\n  {#- x -#} \n y", "y"},
      {"{{ 1 }}\n", "1"},
      {"a\r\nb\rc", "a\nb\nc"},
      {"{% raw %}{{ x }}{% endraw %}!", "{{ x }}!"},
      {"{{ {'a': {'b': 1}}['a']['b'] }}", "1"},
  });
}

TEST(Jinja, WhatHasNoItemsIsLenientWhereJinjaIs) {
  expect_texts({
      {"{{ half[1:] is defined }} {{ none[:2] | default('x') }}", "False x"},
      {"{{ none | selectattr('a') | list }} {{ false | map('upper') | list }} {{ missing | reject | list }}",
       "[] [] []"},
      {"{{ [dict, dict] | sort | length }}", "2"},  // equal, so that they need no order
      {"{{ missing is callable }} {{ none is callable }}", "True False"},
  });
}

TEST(Jinja, ValuesPrintAsInPython) {
  expect_texts({
      {"{{ yes }} {{ none }} {{ half }} {{ 10 / 5 }} {{ 1e20 }} {{ 1e-5 }} {{ 123456789.0 }}",
       "True None 0.5 2.0 1e+20 1e-05 123456789.0"},
      {"{{ list }} {{ (1,) }} {{ dict }} {{ missing }}|",
       "[3, 1, 2] (1,) {'b': 1, 'a': [True, None, \"it's\"], 'items': 7} |"},
      {R"({{ ['\n', 'ü', '\x07', "'\""] }})", R"(['\n', 'ü', '\x07', '\'"'])"},
      {R"({{ 'a\tb\u00e9\\' }})", "a\tbé\\"},
  });
}

TEST(Jinja, OperatorsHaveThePrecedenceOfJinja) {
  expect_texts({
      {"{{ 1 + 2 * 3 - 4 // 3 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 7 / 2 }}", "6 -4 2 1024 3.5"},
      {"{{ 1 < 2 <= 2 != 3 }} {{ 1 < 2 > 5 }} {{ not yes or 1 == 1.0 }}", "True False True"},
      {"{{ 'a' ~ 1 ~ none }} {{ 'ab' * 2 }} {{ [1] + [2] }} {{ '%s-%d' % ('x', 3) }}",
       "a1None abab [1, 2] x-3"},
      {"{{ 'b' in dict }} {{ 'ell' in text }} {{ 5 not in list }}", "True True True"},
      {"{{ '' or 'x' }} {{ 1 and 'y' }} {{ 'a' if none else 'b' }} {{ 'a' if none }}|", "x y b |"},
      {"{{ list[0] }}{{ list[-1] }} {{ list[1:] }} {{ list[::-1] }} {{ 'hello'[1:-1] }} {{ list.1 }}",
       "32 [1, 2] [2, 1, 3] ell 1"},
      {"{{ dict.b }} {{ dict['items'] }} {{ messages[2].tool_calls[0].name }} {{ list[9] is defined }}",
       "1 7 f False"},
  });
}

TEST(Jinja, SetIsLocalToALoopButANamespaceIsNot) {
  expect_texts({
      {"{% set x = 1 %}{% for i in list %}{% set x = i %}{% endfor %}{{ x }}", "1"},
      {"{% set n = namespace(x=1) %}{% for i in list %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}", "7"},
      {"{% if yes %}{% set x = 2 %}{% endif %}{{ x }}", "2"},
      {"{% set a, b = 1, 2 %}{{ a + b }}", "3"},
      {"{% set x | upper | trim %} a{{ 1 }} {% endset %}[{{ x }}]", "[A1]"},
      {"{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a is defined }}", "3False"},
      {"{% filter upper %}a{{ 'b' }}{% endfilter %}", "AB"},
      {"{% generation %}x{% endgeneration %}", "x"},
  });
}

TEST(Jinja, LoopsKnowWhereTheyAre) {
  expect_texts({
      {"{% for i in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last "
       "}} {% endfor %}",
       "103TrueFalse 212FalseFalse 321FalseTrue "},
      {"{% for i in list if i > 1 %}{{ i }}/{{ loop.length }} {% endfor %}", "3/2 2/2 "},
      {"{% for i in [] %}x{% else %}empty{% endfor %}", "empty"},
      {"{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2"},
      {"{% for i in list %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "32"},
      {"{% for i in list %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}", "3"},
      {"{% for i in list %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{% "
       "endfor %}",
       "<3>1a3<1>2b1<2>a"},
      {"{% for c in 'añ' %}{{ c }}.{% endfor %}{% for i in missing %}{% endfor %}", "a.ñ."},
      {"{% for x in [1, [2, [3]]] recursive %}{{ loop(x) if x is not number else x }}{{ loop.depth }}{% "
       "endfor %}",
       "11223321"},
  });
}

TEST(Jinja, MacrosTakeArgumentsAndCallers) {
  expect_texts({
      {"{% macro m(a, b='x') %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(b=3, a=4) }}{{ m() }}",
       "1x1243x"},
      {"{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, k=2) }}", "(1,){'k': 2}"},
      {"{% macro box(t) %}<{{ t }}{{ caller(5) }}>{% endmacro %}{% call(n) box('a') %}{{ n }}{{ yes }}{% "
       "endcall %}",
       "<a5True>"},
      {"{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210"},
      {"{% macro m() %}{{ x is defined }}{% endmacro %}{% for x in [1] %}{{ m() }}{% endfor %}", "False"},
      {"{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}", "1234"},
  });
}

TEST(Jinja, FiltersOfTexts) {
  expect_texts({
      {"[{{ text | trim }}] [{{ 'xxaxx' | trim('x') }}] {{ text | length }}", "[Hello World] [a] 14"},
      {"{{ 'hello wORLD-x' | title }} {{ 'aB' | capitalize }} {{ 'aé' | upper }} {{ 'Ab' | lower }}",
       "Hello World-X Ab AÉ ab"},
      {"{{ 'aXbXc' | replace('X', '-', 1) }} {{ 'a\nb\n\nc' | indent(2) }}", "a-bXc a\n  b\n\n  c"},
      {"{{ list | join('+') }} {{ messages | join(',', attribute='role') }} {{ '%s!' | format('a') }}",
       "3+1+2 system,user,assistant a!"},
      {"{{ dict | tojson }}", R"({"b": 1, "a": [true, null, "it's"], "items": 7})"},
      {"{{ {'a': [1, {}], 'é': 'x\ny'} | tojson(indent=2) }}",
       "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"é\": \"x\\ny\"\n}"},
      {"{{ {'b': 1, 'a': 2} | tojson(sort_keys=true, separators=(',', ':')) }}", R"({"a":2,"b":1})"},
      {"{{ '<a&\"b\">' | e }} {{ '<' | safe }} {{ 5 | string ~ 1 }} {{ 'a b c' | wordcount }}",
       "&lt;a&amp;&#34;b&#34;&gt; < 51 3"},
  });
}

TEST(Jinja, FiltersOfNumbers) {
  expect_texts({
      {"{{ '3' | int }} {{ '3.9' | int }} {{ 'x' | int }} {{ 'x' | int(7) }} {{ 'ff' | int(base=16) }} {{ "
       "3.9 | int }}",
       "3 3 0 7 255 3"},
      {"{{ '1.5' | float }} {{ 3 | float }} {{ -4 | abs }} {{ 2.5 | round }} {{ 3.14159 | round(2) }}",
       "1.5 3.0 4 2.0 3.14"},
      {"{{ 2.1 | round(method='ceil') }} {{ 2.9 | round(0, 'floor') }} {{ 7 | round }}", "3.0 2.0 7"},
      {"{{ missing | default('d') }} {{ none | default('d') }} {{ none | default('d', true) }} {{ '' | "
       "d('e', boolean=true) }}",
       "d None d e"},
  });
}

TEST(Jinja, FiltersOfSequences) {
  expect_texts({
      {"{{ list | first }}{{ list | last }}{{ 'abc' | last }} {{ list | sort }} {{ list | sort(reverse=true) "
       "}} {{ list | reverse | list }}",
       "32c [1, 2, 3] [3, 2, 1] [2, 1, 3]"},
      {"{{ ['b', 'A', 'a'] | sort }} {{ ['b', 'A', 'a'] | unique | list }} {{ list | sum }} {{ list | min "
       "}}{{ list | max }}",
       "['A', 'a', 'b'] ['b', 'A'] 6 13"},
      {"{{ messages | map(attribute='role') | list }} {{ list | map('string') | join }} {{ 'ab' | list }}",
       "['system', 'user', 'assistant'] 312 ['a', 'b']"},
      {"{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | first }}", "U"},
      {"{{ messages | rejectattr('tool_calls', 'defined') | list | length }} {{ list | select('odd') | list "
       "}} {{ list | reject('>', 2) | list }}",
       "2 [3, 1] [1, 2]"},
      {"{{ dict | items | list | length }} {% for k, v in {'b': 1, 'A': 2} | dictsort %}{{ k }}{{ v }}{% "
       "endfor %}",
       "3 A2b1"},
      {"{{ [1, 2, 3] | batch(2) | list }} {% for k, g in messages | groupby('role') %}{{ k }}{{ g | length "
       "}} {% endfor %}",
       "[[1, 2], [3]] assistant1 system1 user1 "},
  });
}

TEST(Jinja, TestsAskForTypesAndRelations) {
  expect_texts({
      {"{{ yes is true }} {{ 1 is true }} {{ none is none }} {{ text is string }} {{ dict is mapping }} {{ "
       "list is sequence }}",
       "True False True True True True"},
      {"{{ text is iterable }} {{ 1 is iterable }} {{ true is integer }} {{ true is number }} {{ true is "
       "boolean }} {{ 1.0 is float }}",
       "True False False True True True"},
      {"{{ 4 is divisibleby 2 }} {{ 3 is odd }} {{ 3 is even }} {{ 1 is in [1, 2] }} {{ 3 is eq 3 }} {{ "
       "missing is not defined }}",
       "True True False True True True"},
      {"{{ 'a' is lower }} {{ 'A' is upper }} {{ range is callable }} {{ none is sameas none }} {{ missing "
       "is undefined }}",
       "True True True True True"},
  });
}

TEST(Jinja, MethodsOfStringsAndDicts) {
  expect_texts({
      {"{{ text.strip() }}|{{ 'xax'.lstrip('x') }}|{{ ' a '.rstrip() }}|{{ 'a,b,c'.split(',', 1) }}|{{ ' a  "
       "b '.split() }}",
       "Hello World|ax| a|['a', 'b,c']|['a', 'b']"},
      {"{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'c')) }} {{ 'a-b'.replace('-', '+') }} {{ 'it "
       "is'.title() }} {{ 'aB'.upper() }}",
       "True True a+b It Is AB"},
      {"{{ dict.get('b') }} {{ dict.get('z') }} {{ dict.get('z', 0) }} {{ dict.keys() | list }} {{ {'a': "
       "1}.values() | list }}",
       "1 None 0 ['b', 'a', 'items'] [1]"},
      {"{{ 'x={} y={k}'.format(1, k=2) }} {{ '-'.join(['a', 'b']) }} {{ 'abcabc'.find('c') }} {{ "
       "'aa'.count('a') }} {{ '7'.zfill(3) }}",
       "x=1 y=2 a-b 2 2 007"},
      {"{{ 'a</think>b'.split('</think>')[-1] }} {{ 'a\nb'.splitlines() }} {{ '12'.isdigit() }} {{ "
       "list.index(2) }}",
       "b ['a', 'b'] True 2"},
  });
}

TEST(Jinja, GlobalFunctions) {
  expect_texts({
      {"{{ range(3) | list }} {{ range(1, 6, 2) | list }} {{ range(3, 0, -1) | list }}",
       "[0, 1, 2] [1, 3, 5] [3, 2, 1]"},
      {"{{ dict | length }} {{ namespace(a=1).a }}", "3 1"},
      {"{{ strftime_now('%Y') | int >= 1969 }}", "True"},
  });
}

}  // namespace
}  // namespace coppice::jinja
