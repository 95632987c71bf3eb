// The GGUF container: what is written comes back, and what is wrong is refused by name.

#include "format/gguf.h"

#include <gmock/gmock.h>

#include "base/rng.h"
#include "format/raw_gguf.h"
#include "format/raw_safetensors.h"
#include "support.h"

namespace coppice {
namespace {

using test::as_bytes;
using test::error_of;
using test::raw;
using test::raw_gguf;
using test::raw_header;
using test::raw_key;
using test::raw_tensor;
using test::raw_text;
using testing::HasSubstr;

struct Corrupt {
  const char* name;
  std::string file;
  const char* message;  // part of the Error
};

void PrintTo(const Corrupt& corrupt, std::ostream* out) {
  *out << corrupt.name;
}

std::string zeros(size_t count) {
  return std::string(count, '\0');
}

std::vector<Corrupt> corrupt_files() {
  constexpr uint32_t u8 = 0, u32 = 4, boolean = 7, string = 8, array = 9;
  constexpr uint64_t huge = UINT64_MAX, half = uint64_t{1} << 63;
  const std::string f32_a = raw_tensor("a", {8}, 0, 0);
  return {
      {"empty_file", "", "an empty file"},
      {"bad_magic", "GGML" + raw(3u) + zeros(16), "does not begin with 'GGUF'"},
      {"ends_after_magic", "GGUF", "the end of the file"},
      {"version_1", raw_header(0, 0, 1), "version: 1, expected 2 or 3"},
      {"version_4", raw_header(0, 0, 4), "version: 4"},
      {"version_0", raw_header(0, 0, 0), "version: 0"},
      {"big_endian", raw_header(0, 0, 3u << 24), "a big-endian file"},
      {"ends_in_counts", "GGUF" + raw(3u) + zeros(12), "key count"},
      {"tensor_count_overflows", raw_header(huge, 0), "tensor count: 18446744073709551615 elements"},
      {"tensor_count_beyond_file", raw_header(2, 0) + f32_a, "tensor count: 2 elements"},
      {"key_count_overflows", raw_header(0, half), "key count"},
      {"key_count_beyond_file", raw_gguf(raw_header(0, 2) + raw_key("k", u32, raw(1u)), ""), "key 1"},
      {"key_longer_than_file", raw_header(0, 1) + raw(huge) + zeros(8),
       "a string of 18446744073709551615 bytes"},
      {"key_empty", raw_header(0, 1) + raw_key("", u32, raw(1u)), "an empty key"},
      {"key_twice", raw_header(0, 2) + raw_key("k", u32, raw(1u)) + raw_key("k", u32, raw(1u)),
       "k: a key that occurs twice"},
      {"value_type_unknown", raw_header(0, 1) + raw_key("k", 13, raw(1u)), "k: value type 13"},
      {"value_beyond_file", raw_header(0, 1) + raw_key("k", 10, raw(1u)), "k: the end of the file"},
      {"bool_of_two", raw_header(0, 1) + raw_key("k", boolean, "\x02"), "a bool of value 2"},
      {"string_longer_than_file", raw_header(0, 1) + raw_key("k", string, raw(uint64_t{1} << 40)),
       "k: a string of"},
      {"array_count_overflows", raw_header(0, 1) + raw_key("k", array, raw(string) + raw(huge)),
       "k: 18446744073709551615 elements"},
      {"array_count_beyond_file",
       raw_header(0, 1) + raw_key("k", array, raw(u32) + raw(uint64_t{2}) + raw(1u)),
       "k: 2 elements where 4 bytes"},
      {"array_type_unknown", raw_header(0, 1) + raw_key("k", array, raw(99u) + raw(uint64_t{0})),
       "value type 99"},
      {"array_nested_deeply",
       raw_header(0, 1) + raw_key("k", array,
                                  [] {
                                    std::string lists;
                                    for (int i = 0; i < 5; ++i) lists += raw(9u) + raw(uint64_t{1});
                                    return lists + raw(0u) + raw(uint64_t{0});
                                  }()),
       "nested too deeply"},
      {"string_in_array_beyond_file",
       raw_header(0, 1) + raw_key("k", array, raw(string) + raw(uint64_t{1}) + raw(uint64_t{9})),
       "k: a string of 9 bytes"},
      {"alignment_zero", raw_header(0, 1) + raw_key("general.alignment", u32, raw(0u)),
       "general.alignment: 0"},
      {"alignment_not_a_power_of_two", raw_header(0, 1) + raw_key("general.alignment", u32, raw(24u)),
       "general.alignment: 24"},
      {"alignment_huge", raw_header(0, 1) + raw_key("general.alignment", u32, raw(1u << 31)),
       "a power of two up to"},
      {"alignment_a_string", raw_header(0, 1) + raw_key("general.alignment", string, raw_text("32")),
       "a value of type string"},
      {"alignment_of_other_type", raw_header(0, 1) + raw_key("general.alignment", u8, "\x07"),
       "general.alignment: 7"},
      {"tensor_twice", raw_gguf(raw_header(2, 0) + f32_a + raw_tensor("a", {8}, 0, 32), zeros(64)),
       "a: a tensor that occurs twice"},
      {"tensor_name_empty", raw_gguf(raw_header(1, 0) + raw_tensor("", {8}, 0, 0), zeros(32)),
       "an empty name"},
      {"tensor_name_beyond_file", raw_header(1, 0) + raw(uint64_t{1000}) + zeros(20),
       "a string of 1000 bytes"},
      {"tensor_type_unknown", raw_gguf(raw_header(1, 0) + raw_tensor("a", {8}, 4, 0), zeros(32)),
       "a: tensor type 4"},
      {"tensor_of_five_dimensions",
       raw_gguf(raw_header(1, 0) + raw_tensor("a", {1, 1, 1, 1, 8}, 0, 0), zeros(32)), "5 dimensions"},
      {"dimension_beyond_63_bits", raw_gguf(raw_header(1, 0) + raw_tensor("a", {half}, 0, 0), zeros(32)),
       "a dimension of 9223372036854775808"},
      {"dimensions_overflow",
       raw_gguf(raw_header(1, 0) + raw_tensor("a", {uint64_t{1} << 40, uint64_t{1} << 40}, 0, 0), zeros(32)),
       "product overflows"},
      {"bytes_overflow", raw_gguf(raw_header(1, 0) + raw_tensor("a", {uint64_t{1} << 62}, 0, 0), zeros(32)),
       "product overflows"},
      {"rows_no_whole_blocks", raw_gguf(raw_header(1, 0) + raw_tensor("a", {48, 2}, 2, 0), zeros(64)),
       "rows of 48 elements, expected a multiple of 32"},
      {"offset_unaligned", raw_gguf(raw_header(1, 0) + raw_tensor("a", {8}, 0, 16), zeros(64)),
       "offset 16, expected a multiple of the alignment 32"},
      {"offset_beyond_file",
       raw_gguf(raw_header(1, 0) + raw_tensor("a", {8}, 0, uint64_t{1} << 40), zeros(32)),
       "a tensor within the file"},
      {"offset_overflows", raw_gguf(raw_header(1, 0) + raw_tensor("a", {8}, 0, huge - 31), zeros(32)),
       "a tensor within the file"},
      {"data_too_short", raw_gguf(raw_header(1, 0) + f32_a, zeros(31)), "32 bytes at offset 0 of 31"},
      {"no_data", raw_header(1, 0) + f32_a, "a tensor within the file"},
      {"overlapping",
       raw_gguf(raw_header(2, 0) + raw_tensor("a", {16}, 0, 0) + raw_tensor("b", {8}, 0, 32), zeros(64)),
       "b: offset 32, inside 'a'"},
      {"same_place", raw_gguf(raw_header(2, 0) + f32_a + raw_tensor("b", {8}, 0, 0), zeros(32)),
       "that do not overlap"},
  };
}

class CorruptGguf : public testing::TestWithParam<Corrupt> {};

TEST_P(CorruptGguf, IsRefused) {
  EXPECT_THAT(error_of([&] { parse_gguf(as_bytes(GetParam().file), "file"); }),
              HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Gguf, CorruptGguf, testing::ValuesIn(corrupt_files()),
                         [](const auto& param) { return std::string(param.param.name); });

// The hand-made files above are wrong in one point only: without it they are read.
TEST(Gguf, HandMadeFilesAreReadWhenRight) {
  for (const uint32_t version : {2u, 3u}) {
    const std::string file =
        raw_gguf(raw_header(2, 1, version) + raw_key("general.alignment", 4, raw(64u)) +
                     raw_tensor("a", {8, 2}, 0, 64) + raw_tensor("b", {32, 3, 2}, 8, 128),
                 zeros(128 + 6 * 34), 64);
    const GgufContent content = parse_gguf(as_bytes(file), "file");
    EXPECT_EQ(content.version, version);
    EXPECT_EQ(content.alignment, 64);
    ASSERT_EQ(content.tensors.size(), 2);
    EXPECT_EQ(content.tensors[0].shape, (std::vector<int64_t>{2, 8}));
    EXPECT_EQ(content.tensors[0].bytes.size(), 64);
    EXPECT_EQ(content.tensors[1].shape, (std::vector<int64_t>{2, 3, 32}));
    EXPECT_EQ(content.tensors[1].bytes.size(), 6 * 34);
    EXPECT_EQ(content.tensors[1].bytes.data() + 6 * 34, as_bytes(file).data() + file.size());
  }
}

GgufMetadata every_type() {
  GgufMetadata metadata("file");
  metadata.add("general.alignment", uint32_t{64});
  metadata.add("u8", uint8_t{255});
  metadata.add("i8", int8_t{-128});
  metadata.add("u16", uint16_t{65535});
  metadata.add("i16", int16_t{-32768});
  metadata.add("u32", UINT32_MAX);
  metadata.add("i32", INT32_MIN);
  metadata.add("f32", 1e-5f);
  metadata.add("yes", true);
  metadata.add("no", false);
  metadata.add("text", std::string("Grüße\0x", 9));
  metadata.add("u64", UINT64_MAX);
  metadata.add("i64", INT64_MIN);
  metadata.add("f64", 0.1);
  metadata.add("numbers", GgufArray{std::vector<int16_t>{1, -2, 3}});
  metadata.add("texts", GgufArray{std::vector<std::string>{"", "a", "bc"}});
  metadata.add("flags", GgufArray{std::vector<bool>{true, false, true}});
  metadata.add("nothing", GgufArray{std::vector<double>{}});
  metadata.add("lists",
               GgufArray{std::vector<GgufArray>{{std::vector<float>{0.5f}}, {std::vector<uint8_t>{}}}});
  return metadata;
}

TEST(Gguf, WhatIsWrittenComesBackBitForBit) {
  const test::TemporaryFolder folder;
  const auto path = folder / "a.gguf";
  Rng rng(1);
  std::vector<GgufTensorData> tensors;
  std::vector<std::vector<std::byte>> bytes;
  const std::vector<std::pair<GgmlType, std::vector<int64_t>>> kinds = {
      {GgmlType::f32, {3}},         {GgmlType::f16, {2, 5}},    {GgmlType::q8_0, {2, 64}},
      {GgmlType::q4_0, {2, 3, 32}}, {GgmlType::q6_k, {1, 256}}, {GgmlType::bf16, {7}},
      {GgmlType::f32, {}},          {GgmlType::i32, {0, 4}},    {GgmlType::f64, {1, 1, 2, 2}}};
  for (const auto& [type, shape] : kinds) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    auto& data = bytes.emplace_back(
        static_cast<size_t>(count / ggml_type_info(type).block_elements * ggml_type_info(type).block_bytes));
    for (auto& byte : data) byte = static_cast<std::byte>(rng.next());
    tensors.push_back({fmt::format("tensor {}", bytes.size()), type, shape, [data] { return data; }});
  }
  write_gguf(path, every_type(), tensors);

  const GgufFile file(path);
  EXPECT_EQ(file.metadata().entries(), every_type().entries());
  ASSERT_EQ(file.tensors().size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const GgufTensor& got = file.tensors()[i];
    EXPECT_EQ(got.name, tensors[i].name);
    EXPECT_EQ(got.type, static_cast<uint32_t>(tensors[i].type));
    EXPECT_EQ(got.shape, tensors[i].shape);
    EXPECT_TRUE(std::ranges::equal(got.bytes, bytes[i]));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(got.bytes.data()) % 64, 0) << "mapped files begin on a page";
  }
  EXPECT_EQ(file.find("tensor 2"), &file.tensors()[1]);
  EXPECT_EQ(file.find("absent"), nullptr);
}

// Whatever a file is cut off at, it is refused.
TEST(Gguf, EveryTruncationIsRefused) {
  const test::TemporaryFolder folder;
  const std::vector<std::byte> data(32, std::byte{7});
  const std::vector<GgufTensorData> tensors = {{"a", GgmlType::f32, {2, 4}, [&] { return data; }}};
  write_gguf(folder / "a.gguf", every_type(), tensors);
  const std::string whole = read_file(folder / "a.gguf");
  const size_t padding = 64 - 32;
  EXPECT_NO_THROW(parse_gguf(as_bytes(whole.substr(0, whole.size() - padding)), "file"));
  for (size_t size = 0; size < whole.size() - padding; ++size)
    EXPECT_THROW(parse_gguf(as_bytes(whole.substr(0, size)), "file"), Error) << size;
}

TEST(Gguf, ValuesByTypeAndTheirErrors) {
  const GgufMetadata metadata = every_type();
  EXPECT_EQ(metadata.integer("u8"), 255);
  EXPECT_EQ(metadata.integer("i64"), INT64_MIN);
  EXPECT_EQ(metadata.integer("absent"), std::nullopt);
  EXPECT_EQ(metadata.number("f32"), 1e-5) << "the shortest decimal, not the double next to the float";
  EXPECT_EQ(metadata.number("f64"), 0.1);
  EXPECT_EQ(metadata.number("i8"), -128);
  EXPECT_EQ(metadata.flag("yes"), true);
  EXPECT_EQ(metadata.integers("numbers"), (std::vector<int64_t>{1, -2, 3}));
  EXPECT_EQ(metadata.texts("texts")->size(), 3);
  EXPECT_THAT(error_of([&] { metadata.integer("u64"); }), HasSubstr("file: u64: 18446744073709551615"));
  EXPECT_THAT(error_of([&] { metadata.integer("text"); }),
              HasSubstr("a value of type string, expected a whole"));
  EXPECT_THAT(error_of([&] { metadata.integer("yes"); }), HasSubstr("type bool"));
  EXPECT_THAT(error_of([&] { metadata.texts("numbers"); }), HasSubstr("a list of type i16"));
  EXPECT_THAT(error_of([&] { metadata.integers("texts"); }), HasSubstr("a list of type string"));
  EXPECT_THAT(error_of([&] { metadata.required_text("absent"); }), HasSubstr("no key 'absent'"));
}

TEST(Gguf, RealVocabularyFiles) {
  COPPICE_NEEDS_DATA("llamacpp-vocabs");
  const GgufFile file(test::data_folder() / "llamacpp-vocabs/ggml-vocab-llama-spm.gguf");
  EXPECT_EQ(file.metadata().required_text("general.architecture"), "llama");
  EXPECT_EQ(file.metadata().texts("tokenizer.ggml.tokens")->size(), 32000);
  EXPECT_EQ(file.metadata().number("llama.attention.layer_norm_rms_epsilon"), 1e-5);
  EXPECT_TRUE(file.tensors().empty());
}

TEST(Gguf, FilesAreKnownByTheirBeginOrName) {
  const test::TemporaryFolder folder;
  write_file(folder / "a.gguf", "other");
  write_file(folder / "b.bin", raw_header(0, 0));
  write_file(folder / "c.bin", "GGU");
  EXPECT_TRUE(is_gguf_file(folder / "a.gguf"));
  EXPECT_TRUE(is_gguf_file(folder / "b.bin"));
  EXPECT_FALSE(is_gguf_file(folder / "c.bin"));
  EXPECT_FALSE(is_gguf_file(folder.path()));
  EXPECT_FALSE(is_gguf_file(folder / "absent"));
}

}  // namespace
}  // namespace coppice
