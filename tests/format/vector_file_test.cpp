// Files of vectors: every kind read, and bad ones refused by name.

#include "format/vector_file.h"

#include <cmath>
#include <cstring>

#include <gmock/gmock.h>

#include "base/file.h"
#include "format/npy.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& data,
                const std::string& order = "False", char version = 1) {
  std::string text =
      fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", descr, order, shape);
  std::string header = std::string("\x93NUMPY", 6) + version + '\0';
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  if (version > 1) header += std::string(2, '\0');
  return header + text + data;
}

VectorFile parse(const std::string& extension, const std::string& bytes, const std::string& ids,
                 VectorsOf of = VectorsOf::texts, const std::string& lengths = "") {
  return VectorFile::parse({.extension = extension,
                            .bytes = std::as_bytes(std::span(bytes)),
                            .ids = ids,
                            .lengths = std::as_bytes(std::span(lengths))},
                           of, "v" + extension);
}

const std::vector<float> six = {1, 2, 3, 4, 5, 6};

TEST(VectorFileTest, NumpyArraysOfAllTypes) {
  EXPECT_EQ(npy_header(3, 2) + bytes_of(six), npy_header(3, 2) + bytes_of(six));
  for (const char version : {char{1}, char{2}, char{3}}) {
    const std::string bytes = npy("<f4", "(3, 2)", bytes_of(six), "False", version);
    const auto file = parse(".npy", bytes, "a\nb\na\n");
    EXPECT_EQ(file.dim(), 2);
    EXPECT_THAT(file.ids(), ElementsAre("a", "b"));
    EXPECT_THAT(file.find("a"), Optional(ElementsAre(1, 2, 5, 6))) << "two vectors of one text";
    EXPECT_THAT(file.find("b"), Optional(ElementsAre(3, 4)));
    EXPECT_EQ(file.find("c"), std::nullopt);
  }
  const std::string doubles = npy("<f8", "(1, 2)", bytes_of(std::vector<double>{0.5, -2}));
  EXPECT_THAT(parse(".npy", doubles, "a").find("a"), Optional(ElementsAre(0.5, -2)));
  const std::string halves = npy("<f2", "(1, 2)", bytes_of(std::vector<uint16_t>{0x3C00, 0xC000}));
  EXPECT_THAT(parse(".npy", halves, "a\r\n").find("a"), Optional(ElementsAre(1, -2)));
}

TEST(VectorFileTest, OtherFiles) {
  std::string fvecs;
  for (int row = 0; row < 3; ++row) {
    fvecs += bytes_of(std::vector<int32_t>{2});
    fvecs += bytes_of(std::vector<float>{static_cast<float>(row), 7});
  }
  EXPECT_THAT(parse(".fvecs", fvecs, "a\nb\nc").find("b"), Optional(ElementsAre(1, 7)));

  const std::string lines =
      "{\"id\": \"a\", \"vector\": [1, 2]}\n\n{\"_id\": 7, \"embedding\": [[3, 4], [5, 6]]}\n"
      "{\"id\": \"none\", \"vector\": []}\n";
  const auto json = parse(".jsonl", lines, "");
  EXPECT_THAT(json.find("7"), Optional(ElementsAre(3, 4, 5, 6)));
  EXPECT_THAT(json.find("none"), Optional(ElementsAre()));
  EXPECT_EQ(json.vectors(), 3u);
}

TEST(VectorFileTest, TokensWithLengths) {
  const std::string tokens = npy("<f4", "(3, 2)", bytes_of(six)),
                    lengths = npy("<i8", "(3,)", bytes_of(std::vector<int64_t>{2, 0, 1}));
  const auto file = parse(".npy", tokens, "a\nb\nc\n", VectorsOf::tokens, lengths);
  EXPECT_THAT(file.find("a"), Optional(ElementsAre(1, 2, 3, 4)));
  EXPECT_THAT(file.find("b"), Optional(ElementsAre()));
  EXPECT_THAT(file.find("c"), Optional(ElementsAre(5, 6)));

  const TemporaryFolder folder;
  const std::vector<int32_t> counts = {1, 2};
  const std::vector<TensorData> tensors = {{"tokens", DType::f32, {3, 2}, std::as_bytes(std::span(six))},
                                           {"lengths", DType::i32, {2}, std::as_bytes(std::span(counts))}};
  write_safetensors(folder / "t.safetensors", tensors);
  write_file(folder / "t.ids", "q\nr\n");
  const auto read = VectorFile::open(folder / "t.safetensors", VectorsOf::tokens);
  EXPECT_THAT(read.find("r"), Optional(ElementsAre(3, 4, 5, 6)));
  EXPECT_THAT(error_of([&] { VectorFile::open(folder / "t.safetensors", VectorsOf::texts); }),
              HasSubstr("no tensor 'vectors'"));
}

TEST(VectorFileTest, FilesBesideAreFound) {
  const TemporaryFolder folder;
  write_file(folder / "v.npy", npy_header(3, 2) + bytes_of(six));
  EXPECT_THAT(error_of([&] { VectorFile::open(folder / "v.npy", VectorsOf::texts); }), HasSubstr("v.ids"));
  write_file(folder / "v.ids", "a\nb\nc\n");
  EXPECT_THAT(VectorFile::open(folder / "v.npy", VectorsOf::texts).find("c"), Optional(ElementsAre(5, 6)));
  error_of([&] { VectorFile::open(folder / "v.npy", VectorsOf::tokens); });
  write_file(folder / "v.lengths.npy", npy("<i4", "(3,)", bytes_of(std::vector<int32_t>{1, 1, 1})));
  EXPECT_EQ(VectorFile::open(folder / "v.npy", VectorsOf::tokens).vectors(), 3u);
}

TEST(VectorFileTest, NumbersThatAreNotFiniteAreNamed) {
  const std::string bytes = npy("<f4", "(2, 2)", bytes_of(std::vector<float>{1, 2, 3, NAN}));
  const auto file = parse(".npy", bytes, "a\nb");
  EXPECT_TRUE(file.find("a"));
  EXPECT_THAT(error_of([&] { file.find("b"); }), testing::AllOf(HasSubstr("'b'"), HasSubstr("dimension 1")));
}

TEST(VectorFileTest, CorruptFilesAreRefused) {
  struct Case {
    const char* name;
    std::string extension, bytes, ids, lengths, message;
  };
  const std::string whole = npy("<f4", "(3, 2)", bytes_of(six)), ids = "a\nb\nc";
  std::string fvecs = bytes_of(std::vector<int32_t>{2}) + bytes_of(std::vector<float>{1, 2});
  const std::string wrong_dim =
      fvecs + bytes_of(std::vector<int32_t>{3}) + bytes_of(std::vector<float>{1, 2, 3});
  const std::vector<Case> cases = {
      {"empty", ".npy", "", ids, "", "cut short"},
      {"another magic", ".npy", "PK\x03\x04 and more bytes", ids, "", "no .npy file"},
      {"version 9", ".npy", npy("<f4", "(3, 2)", bytes_of(six), "False", 9), ids, "", "version 9"},
      {"cut in the header", ".npy", whole.substr(0, 30), ids, "", "header of"},
      {"cut in the data", ".npy", whole.substr(0, whole.size() - 3), ids, "", "cut short"},
      {"too long", ".npy", whole + "x", ids, "", "25 bytes of elements"},
      {"big-endian", ".npy", npy(">f4", "(3, 2)", bytes_of(six)), ids, "", "type '>f4'"},
      {"objects", ".npy", npy("|O", "(3, 2)", bytes_of(six)), ids, "", "type '|O'"},
      {"Fortran's order", ".npy", npy("<f4", "(3, 2)", bytes_of(six), "True"), ids, "", "Fortran"},
      {"overflowing shape", ".npy", npy("<f4", "(4611686018427387904, 8)", ""), ids, "", "can be"},
      {"negative shape", ".npy", npy("<f4", "(-3, 2)", bytes_of(six)), ids, "", "cannot be read"},
      {"one dimension", ".npy", npy("<f4", "(6,)", bytes_of(six)), ids, "", "matrix"},
      {"integers", ".npy", npy("<i4", "(3, 2)", bytes_of(six)), ids, "", "matrix of floats"},
      {"no dimension", ".npy", npy("<f4", "(3, 0)", ""), ids, "", "0 dimensions"},
      {"fewer ids", ".npy", whole, "a\nb\n", "", "3 vectors and 2 ids"},
      {"an empty id", ".npy", whole, "a\n\nc\n", "", "line 2"},
      {"fvecs cut short", ".fvecs", fvecs + "\x02", "a\nb", "", "cut short"},
      {"fvecs of two dimensions", ".fvecs", wrong_dim, "a\nb", "", "3 dimensions"},
      {"fvecs of none", ".fvecs", std::string(8, '\0'), "a", "", "0 dimensions"},
      {"lines: no id", ".jsonl", "{\"vector\": [1]}", "", "", "no id"},
      {"lines: no vector", ".jsonl", "{\"id\": \"a\"}", "", "", "no vector"},
      {"lines: a word", ".jsonl", "{\"id\": \"a\", \"vector\": [1, \"x\"]}", "", "", "in a vector"},
      {"lines: two dimensions", ".jsonl",
       "{\"id\": \"a\", \"vector\": [1, 2]}\n{\"id\": \"b\", \"vector\": [1]}", "", "", ":2"},
      {"lines: cut short", ".jsonl", "{\"id\": \"a\", \"vector\": [1, ", "", "", ":1"},
      {"another name", ".bin", "x", "", "", "ends with '.bin'"},
  };
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.name);
    const Fault fault = bad.extension == ".bin" ? Fault::usage : Fault::input;
    EXPECT_THAT(error_of([&] { parse(bad.extension, bad.bytes, bad.ids); }, fault), HasSubstr(bad.message));
  }
  const auto lengths_error = [&](const std::vector<int64_t>& lengths, const std::string& names) {
    const std::string counts = npy("<i8", fmt::format("({},)", lengths.size()), bytes_of(lengths));
    return error_of([&] { parse(".npy", whole, names, VectorsOf::tokens, counts); });
  };
  EXPECT_THAT(lengths_error({2, 2, 1}, ids), HasSubstr("at least 4"));
  EXPECT_THAT(lengths_error({1, 1, 0}, ids), HasSubstr("sum of the lengths"));
  EXPECT_THAT(lengths_error({-1, 3, 1}, ids), HasSubstr("a length of -1"));
  EXPECT_THAT(lengths_error({2, 1}, ids), HasSubstr("2 lengths and 3 ids"));
  EXPECT_THAT(lengths_error({1, 1, 1}, "a\nb\na"), HasSubstr("twice"));
}

}  // namespace
}  // namespace coppice
