#pragma once
// The GGUF format, versions 2 and 3, little-endian: a header, typed key-values, tensor infos, then the
// tensors' bytes, each tensor on a boundary of `general.alignment`. Files are memory-mapped and every length,
// count, offset and type is checked before anything is allocated or believed.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/file.h"
#include "format/gguf_types.h"

namespace coppice {

struct GgufArray;

// A value of a key. The place in the list is the type's number in the file.
using GgufValue = std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool,
                               std::string, GgufArray, uint64_t, int64_t, double>;

struct GgufArray {
  std::variant<std::vector<uint8_t>, std::vector<int8_t>, std::vector<uint16_t>, std::vector<int16_t>,
               std::vector<uint32_t>, std::vector<int32_t>, std::vector<float>, std::vector<bool>,
               std::vector<std::string>, std::vector<GgufArray>, std::vector<uint64_t>, std::vector<int64_t>,
               std::vector<double>>
      elements;

  size_t size() const;
};
bool operator==(const GgufArray& a, const GgufArray& b);

// Key-values in the order of the file.
class GgufMetadata {
 public:
  using Entry = std::pair<std::string, GgufValue>;

  GgufMetadata() = default;
  explicit GgufMetadata(std::string where) : where_(std::move(where)) {}

  const std::vector<Entry>& entries() const { return entries_; }
  const GgufValue* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  // Appends a key that is not there yet.
  void add(std::string key, GgufValue value);

  // The value of `key`, nothing if there is none; one of another type is an Error that names the file and the
  // key. Whole numbers are of any integer type, `number` takes floats (as the shortest decimal that gives
  // them) and whole numbers.
  std::optional<int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  const std::vector<std::string>* texts(std::string_view key) const;
  std::optional<std::vector<int64_t>> integers(std::string_view key) const;
  const std::vector<float>* floats(std::string_view key) const;

  // The same, where a missing key is an Error.
  int64_t required_integer(std::string_view key) const;
  double required_number(std::string_view key) const;
  std::string required_text(std::string_view key) const;

  const std::string& where() const { return where_; }

 private:
  template <class T>
  const T* get(std::string_view key, const char* expected) const;

  std::string where_;
  std::vector<Entry> entries_;
};

// A tensor's place in the file.
struct GgufTensor {
  std::string name;
  uint32_t type = 0;           // a number of find_ggml_type
  std::vector<int64_t> shape;  // row-major, the reverse of the file's dimensions: (out, in)
  std::span<const std::byte> bytes;

  int64_t count() const;
};

struct GgufContent {
  uint32_t version = 3;
  int64_t alignment = 32;
  GgufMetadata metadata;
  std::vector<GgufTensor> tensors;  // in the order of the file
};

// Reads `bytes`, a whole file, which the content's tensors point into. Tensors lie within the file, on
// boundaries of the alignment, and do not overlap.
GgufContent parse_gguf(std::span<const std::byte> bytes, const std::string& where);

// A file that begins as GGUF files do, or is called *.gguf.
bool is_gguf_file(const std::filesystem::path& path);

class GgufFile {
 public:
  explicit GgufFile(const std::filesystem::path& path);

  const GgufMetadata& metadata() const { return content_.metadata; }
  const std::vector<GgufTensor>& tensors() const { return content_.tensors; }
  const GgufTensor* find(std::string_view name) const;
  const GgufContent& content() const { return content_; }
  const MappedFile& file() const { return file_; }
  void release_pages() const { file_.release_pages(); }

 private:
  MappedFile file_;
  GgufContent content_;
};

// A tensor to be written. Its bytes are asked for when their turn comes, so that one tensor at a time is in
// memory.
struct GgufTensorData {
  std::string name;
  GgmlType type = GgmlType::f32;
  std::vector<int64_t> shape;
  std::function<std::vector<std::byte>()> bytes;
};

// Writes version 3, replacing `path` in one step. `general.alignment` is taken from the metadata (default
// 32).
void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                std::span<const GgufTensorData> tensors);

}  // namespace coppice
