#include "base/fields.h"

#include <gmock/gmock.h>

#include "support.h"

namespace coppice {

enum class Colour { red, green };
template <>
struct EnumNames<Colour> {
  static constexpr auto values =
      std::to_array<std::pair<Colour, const char*>>({{Colour::red, "red"}, {Colour::green, "green"}});
};

namespace {

using test::error_of;
using testing::AllOf;
using testing::HasSubstr;

struct Circle {
  static constexpr const char* kind = "circle";
  double radius = 1;
  bool operator==(const Circle&) const = default;
  static void fields(auto& self, auto&& field) {
    field("radius", self.radius, Field{.help = "size", .min = 0, .above_min = true});
  }
};

struct Square {
  static constexpr const char* kind = "square";
  int64_t side = 1;
  bool operator==(const Square&) const = default;
  static void fields(auto& self, auto&& field) {
    field("side", self.side, Field{.help = "size", .required = true});
  }
};

struct Everything {
  bool flag = false;
  int32_t number = 3;
  uint64_t large = 0;
  float real = 0.5f;
  std::string text = "plain";
  std::filesystem::path path;
  Colour colour = Colour::red;
  std::optional<int64_t> maybe;
  std::vector<double> list;
  std::vector<Circle> circles;
  std::variant<Circle, Square> shape;
  Circle inner;

  bool operator==(const Everything&) const = default;
  static void fields(auto& self, auto&& field) {
    field("flag", self.flag, Field{.help = "a flag"});
    field("number", self.number, Field{.help = "from -5 to 10", .min = -5, .max = 10});
    field("large", self.large, Field{});
    field("real", self.real, Field{});
    field("text", self.text, Field{});
    field("path", self.path, Field{});
    field("colour", self.colour, Field{});
    field("maybe", self.maybe, Field{.min = 1});
    field("list", self.list, Field{.max = 100});
    field("circles", self.circles, Field{});
    field("shape", self.shape, Field{});
    field("inner", self.inner, Field{});
  }
};

Everything filled() {
  return {.flag = true,
          .number = -5,
          .large = (uint64_t{1} << 63) + 12345,
          .real = 0.1f,
          .text = "é\n\"",
          .path = "a/b",
          .colour = Colour::green,
          .maybe = 7,
          .list = {1, 2.5, 100},
          .circles = {{2}, {3}},
          .shape = Square{4},
          .inner = {9}};
}

std::string refusal(const std::string& text) {
  return error_of([&] { from_json<Everything>(parse_json(text, ""), "config"); });
}

TEST(Fields, RoundTripThroughJsonText) {
  for (const Everything& value : {Everything{}, filled()})
    EXPECT_EQ(from_json<Everything>(parse_json(to_text(to_json(value)), ""), "config"), value);
}

TEST(Fields, AbsentKeysKeepTheirDefaults) {
  EXPECT_EQ(from_json<Everything>(Json::object(), "config"), Everything{});
  Everything partly = filled();
  from_json(Json{{"number", 1}}, partly, "config");
  EXPECT_EQ(partly.number, 1);
  EXPECT_EQ(partly.text, filled().text);
}

TEST(Fields, UnknownKeysNameTheNearest) {
  EXPECT_THAT(refusal(R"({"nubmer": 1})"),
              AllOf(HasSubstr("unknown key 'nubmer'"), HasSubstr("did you mean 'number'?")));
  EXPECT_THAT(refusal(R"({"inner": {"diameter": 1}})"), HasSubstr("config.inner: unknown key 'diameter'"));
  EXPECT_THAT(refusal(R"({"circles": [{}, {"r": 1}]})"), HasSubstr("config.circles[1]: unknown key 'r'"));
}

TEST(Fields, RangesAreInclusiveUnlessSaidOtherwise) {
  EXPECT_THAT(refusal(R"({"number": 11})"),
              HasSubstr("config.number: 11, expected a number of at least -5 and at most 10"));
  EXPECT_THAT(refusal(R"({"number": -6})"), HasSubstr("config.number: -6"));
  EXPECT_THAT(refusal(R"({"inner": {"radius": 0}})"), HasSubstr("above 0"));
  EXPECT_THAT(refusal(R"({"list": [1, 101]})"), HasSubstr("config.list: 101"));
  EXPECT_THAT(refusal(R"({"maybe": 0})"), HasSubstr("config.maybe: 0"));
  EXPECT_EQ(from_json<Everything>(Json{{"maybe", nullptr}}, "").maybe, std::nullopt);
}

TEST(Fields, TypesMustFit) {
  EXPECT_THAT(refusal(R"({"flag": 1})"), HasSubstr("config.flag: 1, expected true or false"));
  EXPECT_THAT(refusal(R"({"number": 1.5})"), HasSubstr("a whole number"));
  EXPECT_THAT(refusal(R"({"number": "1"})"), HasSubstr("a whole number"));
  EXPECT_THAT(refusal(R"({"number": 4294967299})"), HasSubstr("a number that fits"));
  EXPECT_THAT(refusal(R"({"large": -1})"), HasSubstr("a number that fits"));
  EXPECT_THAT(refusal(R"({"large": 1e30})"), HasSubstr("a number that fits"));
  EXPECT_THAT(refusal(R"({"text": 1})"), HasSubstr("a string"));
  EXPECT_THAT(refusal(R"({"list": 1})"), HasSubstr("a list"));
  EXPECT_THAT(refusal(R"({"inner": []})"), HasSubstr("an object"));
  EXPECT_THAT(refusal(R"([])"), HasSubstr("config: [], expected an object"));
  EXPECT_EQ(from_json<Everything>(Json{{"number", 4.0}}, "").number, 4)
      << "a whole number written as a float";
}

TEST(Fields, EnumsAndVariantsGoByName) {
  EXPECT_THAT(refusal(R"({"colour": "gren"})"), HasSubstr("did you mean 'green'?"));
  EXPECT_THAT(refusal(R"({"shape": {"kind": "triangle"}})"), HasSubstr("unknown kind 'triangle'"));
  EXPECT_THAT(refusal(R"({"shape": {"side": 1}})"), HasSubstr("an object with a 'kind'"));
  EXPECT_THAT(refusal(R"({"shape": {"kind": "square"}})"), HasSubstr("config.shape.side: missing"));
  EXPECT_EQ(to_line(to_json(Everything{.shape = Square{2}})["shape"]), R"({"kind":"square","side":2})");
}

TEST(Fields, DescribeListsWhatTheVisitDoes) {
  const auto docs = describe<Everything>();
  ASSERT_EQ(docs.size(), 12u);
  EXPECT_EQ(docs[1].name, "number");
  EXPECT_EQ(docs[1].type, "int");
  EXPECT_EQ(docs[1].fallback, "3");
  EXPECT_EQ(docs[1].info.help, "from -5 to 10");
  EXPECT_EQ(docs[6].type, "red|green");
  EXPECT_EQ(docs[8].type, "list of float");
  EXPECT_EQ(describe<Square>()[0].fallback, "") << "a required field has no default";
}

}  // namespace
}  // namespace coppice
