#include "base/json.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/yaml.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using testing::AllOf;
using testing::HasSubstr;

std::string refusal(const std::string& text) {
  return error_of([&] { parse_json(text, "x.json"); });
}

TEST(Json, KeepsTheOrderOfKeys) {
  EXPECT_EQ(to_line(parse_json(R"({"z":1, "a":[true,null,"é"]})", "")), R"({"z":1,"a":[true,null,"é"]})");
}

TEST(Json, DepthIsBounded) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') + std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_NO_THROW(parse_json(nested(max_json_depth), ""));
  EXPECT_THAT(refusal(nested(max_json_depth + 1)), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal(std::string(10'000'000, '[')), HasSubstr("nested too deeply"));
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_THAT(refusal(objects), HasSubstr("nested too deeply"));
}

TEST(Json, DuplicateKeysAreErrorsInTheSameObjectOnly) {
  EXPECT_THAT(refusal(R"({"a":1,"b":{"c":1,"c":2}})"),
              AllOf(HasSubstr("x.json"), HasSubstr("key 'c' occurs twice")));
  EXPECT_THAT(refusal(R"({"a":1,"\u0061":2})"), HasSubstr("key 'a' occurs twice"));
  EXPECT_NO_THROW(parse_json(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})", ""));
  EXPECT_THAT(error_of([&] { parse_large_json(R"({"a":1,"a":2})", "x.json"); }), HasSubstr("occurs twice"));
}

TEST(Json, WhatIsNotJsonIsAnError) {
  for (const char* text : {"", "{", "[1,]", "{\"a\"}", "nul", "1 2", "\"\xFF\"", "\"\xED\xA0\x80\"", "'a'",
                           "1e999", "NaN", "{a:1}", "\"\n\""})
    EXPECT_THAT(refusal(text), AllOf(HasSubstr("x.json: not valid JSON"), testing::Not(HasSubstr("\n"))))
        << text;
}

TEST(Json, TextHasOneFinalNewline) {
  EXPECT_EQ(to_text({{"a", 1}}), "{\n  \"a\": 1\n}\n");
}

TEST(Json, BytesThatAreNotUtf8AreReplacedOnTheWayOut) {
  EXPECT_EQ(to_line("a\xFF"), "\"a\xEF\xBF\xBD\"");
}

TEST(Json, FilesAreNamedInErrors) {
  const test::TemporaryFolder folder;
  write_file(folder / "config.json", "{\"a\": ");
  EXPECT_THAT(error_of([&] { read_json_file(folder / "config.json"); }),
              AllOf(HasSubstr("config.json"), testing::Not(HasSubstr("download"))));
  EXPECT_THAT(error_of([&] { read_json_file(folder / "config.json", perhaps_incomplete); }),
              AllOf(HasSubstr("config.json"), HasSubstr("; perhaps an incomplete copy or download")));
}

TEST(Yaml, GivesBackWhatToYamlWrote) {
  const Json json = Json::parse(
      R"({"method":"tomoe","seed":0,"active":0.5,"big":123456789012,"small":1e-30,"yes":true,"none":null,
    "words":["1","yes","null","true","~","-","a b","é","","1e5","0x10","a: b","# no","- item","\"quoted\"","line\nbreak"],
    "nested":{"list":[[1,2],[]],"object":{},"rows":[{"a":1},{"a":-2.5}]}})");
  EXPECT_EQ(parse_yaml(to_yaml(json), "x.yaml"), json) << to_yaml(json);
}

TEST(Yaml, ReadsWhatPeopleWrite) {
  const Json json = parse_yaml(
      "# a recipe\nname: cmoe\narms:\n  - {lr: 1e-3, steps: 200}\n  - lr: .5\n    note: 'it''s'\nempty:\n",
      "x.yaml");
  EXPECT_EQ(to_line(json),
            R"({"name":"cmoe","arms":[{"lr":0.001,"steps":200},{"lr":0.5,"note":"it's"}],"empty":null})");
}

TEST(Yaml, BadInputIsAnError) {
  const auto yaml = [](const std::string& text) { return error_of([&] { parse_yaml(text, "x.yaml"); }); };
  EXPECT_THAT(yaml("a: [1, 2"), HasSubstr("not valid YAML (line "));
  EXPECT_THAT(yaml("a: 1\na: 2\n"), HasSubstr("key 'a' occurs twice"));
  EXPECT_THAT(yaml("? [1]\n: 2\n"), HasSubstr("a key that is not a word"));
  EXPECT_THAT(yaml("a: \xFF"), HasSubstr("UTF-8"));
  std::string deep = "1";
  for (int i = 0; i < 100; ++i) deep = "[" + deep + "]";
  EXPECT_THAT(yaml(deep), HasSubstr("deep"));
  // Nine levels of nine aliases each would be a billion values.
  std::string bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 9; ++j) bomb += fmt::format("{}*a{}", j > 0 ? "," : "", i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(yaml(bomb), HasSubstr("too many values"));
}

}  // namespace
}  // namespace coppice
