#include <cstring>

#include <gmock/gmock.h>

#include "base/rng.h"
#include "format/raw_safetensors.h"
#include "format/safetensors.h"
#include "support.h"

namespace coppice {
namespace {

using test::as_bytes;
using test::error_of;
using test::raw_entry;
using test::raw_safetensors;
using testing::HasSubstr;

struct Corrupt {
  const char* name;
  std::string file;
  const char* message;  // part of the Error
};

void PrintTo(const Corrupt& corrupt, std::ostream* out) {
  *out << corrupt.name;
}

std::string eight() {
  return std::string(8, 'x');
}

std::vector<Corrupt> corrupt_files() {
  const std::string a = raw_entry("a", "F32", "[2]", 0, 8);
  return {
      {"empty_file", "", "0 bytes"},
      {"shorter_than_length", "\x01\x02\x03", "3 bytes"},
      {"header_length_beyond_file", raw_safetensors("{}", "", 3), "incomplete copy or download"},
      {"header_length_huge", raw_safetensors("{}", "", INT64_MAX), "header length"},
      {"header_length_all_ones", std::string(8, '\xFF') + "{}", "header length of 18446744073709551615"},
      {"header_length_zero", raw_safetensors("", "data"), "not a JSON object"},
      {"header_not_json", raw_safetensors("{what", ""), "not valid JSON"},
      {"header_truncated_json", raw_safetensors("{" + a, eight()), "not valid JSON"},
      {"header_a_list", raw_safetensors("[1]", ""), "not a JSON object"},
      {"header_text_behind_json", raw_safetensors("{} {}", ""), "not valid JSON"},
      {"header_not_utf8", raw_safetensors("{\"\xFF\":1}", ""), "not valid JSON"},
      {"header_nested_deeply", raw_safetensors("{\"a\":" + std::string(1000, '['), ""), "nested too deeply"},
      {"duplicate_name",
       raw_safetensors("{" + a + "," + raw_entry("a", "F32", "[2]", 8, 16) + "}", eight() + eight()),
       "occurs twice"},
      {"entry_not_an_object", raw_safetensors("{\"a\":1}", ""), "a: number, expected an object"},
      {"entry_unknown_key",
       raw_safetensors(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"stride":1}})", "1234"),
       "unknown key 'stride'"},
      {"entry_without_dtype", raw_safetensors(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", "1234"),
       "no 'dtype'"},
      {"entry_without_shape", raw_safetensors(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", "1234"),
       "no 'shape'"},
      {"entry_without_offsets", raw_safetensors(R"({"a":{"dtype":"F32","shape":[1]}})", "1234"),
       "no 'data_offsets'"},
      {"dtype_unknown", raw_safetensors("{" + raw_entry("a", "F8_E8M0", "[8]", 0, 8) + "}", eight()),
       "dtype 'F8_E8M0'"},
      {"dtype_not_a_string", raw_safetensors(R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,4]}})", "1234"),
       "a.dtype: number"},
      {"dtype_lies", raw_safetensors("{" + raw_entry("a", "F64", "[2]", 0, 8) + "}", eight()),
       "8 bytes, expected 16 for F64 of shape [2]"},
      {"shape_negative", raw_safetensors("{" + raw_entry("a", "F32", "[-2]", 0, 8) + "}", eight()),
       "a.shape: -2"},
      {"shape_fractional", raw_safetensors("{" + raw_entry("a", "F32", "[2.0]", 0, 8) + "}", eight()),
       "a.shape: 2.0"},
      {"shape_not_a_list", raw_safetensors("{" + raw_entry("a", "F32", "2", 0, 8) + "}", eight()),
       "a.shape: number"},
      {"shape_beyond_int64",
       raw_safetensors("{" + raw_entry("a", "F32", "[18446744073709551615]", 0, 8) + "}", eight()),
       "a.shape: 18446744073709551615"},
      {"shape_product_overflows",
       raw_safetensors("{" + raw_entry("a", "F32", "[4294967296,4294967296]", 0, 0) + "}", ""),
       "fits into memory"},
      {"shape_times_size_overflows",
       raw_safetensors("{" + raw_entry("a", "F32", "[4611686018427387904]", 0, 0) + "}", ""),
       "fits into memory"},
      {"shape_of_many_dimensions",
       raw_safetensors("{" + raw_entry("a", "U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", 0, 1) + "}", "1"),
       "17 dimensions"},
      {"offsets_reversed", raw_safetensors("{" + raw_entry("a", "F32", "[2]", 8, 0) + "}", eight()),
       "bytes 8 to 0"},
      {"offsets_beyond_file", raw_safetensors("{" + raw_entry("a", "F32", "[4]", 0, 16) + "}", eight()),
       "incomplete copy or download"},
      {"offsets_three",
       raw_safetensors(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", "1234"), "3 numbers"},
      {"offset_negative", raw_safetensors("{" + raw_entry("a", "F32", "[2]", -8, 0) + "}", eight()),
       "a.data_offsets: -8"},
      {"length_too_long", raw_safetensors("{" + raw_entry("a", "U8", "[4]", 0, 8) + "}", eight()),
       "8 bytes, expected 4"},
      {"overlap",
       raw_safetensors("{" + a + "," + raw_entry("b", "F32", "[2]", 4, 12) + "}", eight() + "1234"),
       "b: begins at byte 4, inside another tensor"},
      {"same_place_twice", raw_safetensors("{" + a + "," + raw_entry("b", "F32", "[2]", 0, 8) + "}", eight()),
       "inside another tensor"},
      {"empty_tensor_inside_another",
       raw_safetensors("{" + a + "," + raw_entry("b", "F32", "[0]", 4, 4) + "}", eight()),
       "inside another tensor"},
      {"hole_before", raw_safetensors("{" + raw_entry("a", "F32", "[1]", 4, 8) + "}", eight()),
       "after a hole"},
      {"hole_between",
       raw_safetensors("{" + a + "," + raw_entry("b", "U8", "[1]", 9, 10) + "}", eight() + "12"),
       "b: begins at byte 9, after a hole, expected 8"},
      {"hole_behind", raw_safetensors("{" + a + "}", eight() + "1"), "1 bytes behind the last tensor"},
      {"metadata_a_list", raw_safetensors(R"({"__metadata__":[]})", ""), "__metadata__: array"},
      {"metadata_number", raw_safetensors(R"({"__metadata__":{"format":1}})", ""),
       "__metadata__.format: number"},
  };
}

class CorruptSafetensors : public testing::TestWithParam<Corrupt> {};

TEST_P(CorruptSafetensors, IsRefusedWithOneLine) {
  const std::string message =
      error_of([] { parse_safetensors(as_bytes(GetParam().file), "model.safetensors"); });
  EXPECT_THAT(message, HasSubstr(GetParam().message));
  EXPECT_THAT(message, testing::StartsWith("model.safetensors"));
  EXPECT_EQ(message.find('\n'), message.npos);
}

INSTANTIATE_TEST_SUITE_P(Named, CorruptSafetensors, testing::ValuesIn(corrupt_files()),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(SafetensorsRead, TakesTensorsInTheOrderOfTheirBytesWhateverTheHeaderSays) {
  const std::string file = raw_safetensors(
      "{" + raw_entry("late", "U8", "[2,2]", 4, 8) + ",\"__metadata__\":{\"format\":\"pt\"}," +
          raw_entry("scalar", "I32", "[]", 0, 4) + "," + raw_entry("none", "F32", "[0,3]", 8, 8) + "}   ",
      std::string("\x07\0\0\0", 4) + "abcd");
  const auto header = parse_safetensors(as_bytes(file), "file");
  ASSERT_EQ(header.tensors.size(), 3u);
  EXPECT_EQ(header.tensors[0].name, "scalar");
  EXPECT_EQ(header.tensors[0].count(), 1);
  EXPECT_EQ(header.tensors[0].to_integers(), std::vector<int32_t>{7});
  EXPECT_EQ(header.tensors[1].name, "late");
  EXPECT_EQ(header.tensors[1].shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(std::to_integer<char>(header.tensors[1].bytes[3]), 'd');
  EXPECT_EQ(header.tensors[2].count(), 0);
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

TEST(SafetensorsRead, ConvertsFloatsAtAnyAlignment) {
  // The values are exact in every type; one odd byte before them shifts all.
  const std::string values = std::string("\0\0\x80\x3F\0\0\x20\xC0", 8)                      // F32 1, -2.5
                             + std::string("\x80\x3F\x20\xC0", 4)                            // BF16
                             + std::string("\0\x3C\0\xC1", 4)                                // F16
                             + std::string("\0\0\0\0\0\0\xF0\x3F\0\0\0\0\0\0\x04\xC0", 16);  // F64
  const std::string file = raw_safetensors(
      "{" + raw_entry("pad", "U8", "[1]", 0, 1) + "," + raw_entry("f32", "F32", "[2]", 1, 9) + "," +
          raw_entry("bf16", "BF16", "[2]", 9, 13) + "," + raw_entry("f16", "F16", "[2]", 13, 17) + "," +
          raw_entry("f64", "F64", "[2]", 17, 33) + "}",
      "." + values);
  const auto header = parse_safetensors(as_bytes(file), "file");
  for (size_t i = 1; i < 5; ++i)
    EXPECT_EQ(header.tensors[i].to_floats(), (std::vector<float>{1, -2.5})) << header.tensors[i].name;
  EXPECT_THAT(error_of([&] { header.tensors[0].to_floats(); }), HasSubstr("U8"));
  EXPECT_THAT(error_of([&] { header.tensors[1].to_integers(); }), HasSubstr("expected I32"));
}

// Cutting a good file anywhere must be noticed.
TEST(SafetensorsRead, NoticesEveryTruncation) {
  const std::string file = raw_safetensors(
      "{" + raw_entry("a", "F32", "[2]", 0, 8) + "," + raw_entry("b", "I8", "[3]", 8, 11) + "}",
      eight() + "123");
  EXPECT_NO_THROW(parse_safetensors(as_bytes(file), "file"));
  for (size_t length = 0; length < file.size(); ++length)
    EXPECT_THROW(parse_safetensors(as_bytes(file.substr(0, length)), "file"), Error) << length;
}

TEST(SafetensorsRead, DtypeNamesRoundTrip) {
  for (const char* name : {"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"})
    EXPECT_EQ(dtype_name(parse_dtype(name, "")), name);
}

}  // namespace
}  // namespace coppice
