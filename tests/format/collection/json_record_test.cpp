// The quick reader of JSON objects against parse_json: the same members, and the same refusals.

#include "format/collection/json_record.h"

#include <gmock/gmock.h>

#include "base/rng.h"
#include "base/strings.h"
#include "support.h"

namespace coppice {
namespace {

Json as_json(const JsonRecord& record) {
  Json json = Json::object();
  for (size_t i = 0; i < record.size(); ++i)
    json[record[i].key] = record[i].is_text ? Json(record[i].text) : record[i].value;
  return json;
}

// The object, or nothing if it is refused.
std::optional<Json> by_parse_json(const std::string& text) {
  try {
    Json json = parse_json(text, "input");
    if (json.is_object()) return json;
  } catch (const Error&) {
  }
  return std::nullopt;
}

std::optional<Json> by_record(JsonRecord& record, const std::string& text) {
  try {
    record.read(text, "input");
    return as_json(record);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string random_value(Rng& rng, int depth) {
  switch (rng.below(depth > 3 ? 5 : 7)) {
    case 0:
      return "-12.5e3";
    case 1:
      return "null";
    case 2:
      return "true";
    case 3:
      return R"("a \"word\" \u00e9\ud83d\ude00 \\ } ] ,")";
    case 4:
      return R"("")";
    case 5:
      return "[ " + random_value(rng, depth + 1) + ",\t" + random_value(rng, depth + 1) + "]";
    default:
      return "{\"k\":" + random_value(rng, depth + 1) + "}";
  }
}

std::string random_object(Rng& rng) {
  std::string text = rng.chance(0.2) ? " {" : "{";
  const auto members = rng.below(6);
  for (uint64_t i = 0; i < members; ++i)
    text += fmt::format("{}\"key{}\" : {}", i > 0 ? ", " : "", rng.chance(0.1) ? 0 : i, random_value(rng, 0));
  return text + (rng.chance(0.2) ? "} " : "}");
}

TEST(JsonRecord, AgreesWithParseJson) {
  Rng rng(1);
  JsonRecord record;
  int accepted = 0, refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = random_object(rng);
    for (uint64_t edits = rng.below(3); edits > 0; --edits) {
      const size_t at = rng.below(text.size());
      constexpr std::string_view letters = "{}[]\",:\\u0e1dnft- \n\t";
      if (rng.chance(0.5))
        text[at] = letters[rng.below(letters.size())];
      else
        text.erase(at, 1);
    }
    text = to_utf8(text);
    const auto expected = by_parse_json(text);
    ASSERT_EQ(by_record(record, text), expected) << text;
    ++(expected ? accepted : refused);
  }
  EXPECT_GT(accepted, 3000);
  EXPECT_GT(refused, 3000);
}

TEST(JsonRecord, TakesManyKeysSlowly) {
  std::string text = "{";
  for (int i = 0; i < 200; ++i) text += fmt::format("{}\"k{}\":{}", i > 0 ? "," : "", i, i);
  JsonRecord record;
  record.read(text + "}", "input");
  EXPECT_EQ(record.size(), 200u);
  EXPECT_EQ(record.find("k199")->value, 199);
  EXPECT_THAT(test::error_of([&] { record.read(text + ",\"k0\":1}", "input"); }),
              testing::HasSubstr("twice"));
}

}  // namespace
}  // namespace coppice
