#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>
#include <unordered_set>

#include "base/error.h"
#include "base/strings.h"
#include "format/gguf.h"

namespace coppice {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF files are read as they lie in memory");

constexpr std::string_view magic = "GGUF";
constexpr int max_array_depth = 4;
constexpr uint32_t max_dimensions = 4;  // ggml's own limit
constexpr int64_t max_alignment = 1 << 20;

// A name of the file, as messages show it.
std::string shown(std::string_view name) {
  return to_utf8(name.substr(0, 80));
}

// Takes values off the front of the file; running past its end is an Error.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }

  template <class T>
  T take(const std::string& what) {
    need(sizeof(T), what);
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }

  bool take_bool(const std::string& what) {
    const auto byte = take<uint8_t>(what);
    if (byte > 1) fail(what, fmt::format("a bool of value {}", byte), "0 or 1");
    return byte == 1;
  }

  std::string_view take_string(const std::string& what) {
    const auto length = take<uint64_t>(what);
    if (length > left())
      fail(what, fmt::format("a string of {} bytes where {} are left", length, left()),
           "a string within the file", perhaps_incomplete);
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data() + position_), length);
    position_ += length;
    return text;
  }

  // A number of things of at least `least_bytes` each, all of which fit into the rest of the file.
  uint64_t take_count(const std::string& what, uint64_t least_bytes) {
    const auto count = take<uint64_t>(what);
    if (count > left() / least_bytes)
      fail(what, fmt::format("{} elements where {} bytes are left", count, left()),
           "a count that fits into the file", perhaps_incomplete);
    return count;
  }

  [[noreturn]] void fail(const std::string& what, const std::string& found, const std::string& expected,
                         const std::string& advice = "") const {
    throw Error({.where = where_ + ": " + what, .found = found, .expected = expected, .advice = advice});
  }

 private:
  void need(uint64_t size, const std::string& what) const {
    if (size > left())
      fail(what, fmt::format("the end of the file after {} bytes", bytes_.size()), "more",
           perhaps_incomplete);
  }

  std::span<const std::byte> bytes_;
  const std::string& where_;
  size_t position_ = 0;
};

// Bytes that one element takes at least: its size, or the length before a string, or the head of an array.
constexpr uint64_t least_bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};

GgufArray read_array(Reader& reader, const std::string& key, int depth);

template <class T>
T read_element(Reader& reader, const std::string& key, int depth) {
  if constexpr (std::same_as<T, bool>)
    return reader.take_bool(key);
  else if constexpr (std::same_as<T, std::string>)
    return std::string(reader.take_string(key));
  else if constexpr (std::same_as<T, GgufArray>)
    return read_array(reader, key, depth + 1);
  else
    return reader.take<T>(key);
}

// Reads an alternative of a variant by its number.
template <class Variant, size_t I = 0>
Variant read_alternative(uint32_t number, const std::function<void(Variant&)>& fill) {
  if constexpr (I == std::variant_size_v<Variant>) {
    COPPICE_CHECK(false, "the number was checked");
  } else {
    if (number != I) return read_alternative<Variant, I + 1>(number, fill);
    Variant value(std::in_place_index<I>);
    fill(value);
    return value;
  }
}

uint32_t read_type(Reader& reader, const std::string& key) {
  const auto number = reader.take<uint32_t>(key);
  if (number >= std::variant_size_v<GgufValue>)
    reader.fail(key, fmt::format("value type {}", number),
                fmt::format("0 to {}", std::variant_size_v<GgufValue> - 1));
  return number;
}

GgufArray read_array(Reader& reader, const std::string& key, int depth) {
  if (depth >= max_array_depth)
    reader.fail(key, "lists nested too deeply", fmt::format("at most {} levels", max_array_depth));
  const uint32_t type = read_type(reader, key);
  const uint64_t count = reader.take_count(key, least_bytes[type]);
  using Elements = decltype(GgufArray::elements);
  GgufArray array;
  array.elements = read_alternative<Elements>(type, [&](Elements& elements) {
    std::visit(
        [&](auto& list) {
          using T = typename std::decay_t<decltype(list)>::value_type;
          // Strings and lists are larger in memory than their least size in the file, so those grow as they
          // come.
          if constexpr (std::is_arithmetic_v<T>) list.reserve(count);
          for (uint64_t i = 0; i < count; ++i) list.push_back(read_element<T>(reader, key, depth));
        },
        elements);
  });
  return array;
}

GgufMetadata read_metadata(Reader& reader, uint64_t count, const std::string& where) {
  GgufMetadata metadata(where);
  std::unordered_set<std::string> keys;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key(reader.take_string(fmt::format("key {}", i)));
    const std::string name = shown(key);
    if (key.empty()) reader.fail(fmt::format("key {}", i), "an empty key", "a name");
    if (!keys.insert(key).second) reader.fail(name, "a key that occurs twice", "each key once");
    const uint32_t type = read_type(reader, name);
    metadata.add(
        key, read_alternative<GgufValue>(type, [&](GgufValue& value) {
          std::visit([&](auto& held) { held = read_element<std::decay_t<decltype(held)>>(reader, name, -1); },
                     value);
        }));
  }
  return metadata;
}

// A tensor info before its bytes are found.
struct TensorInfo {
  GgufTensor tensor;
  uint64_t offset = 0, size = 0;
};

// Bytes of a tensor; rows that are no whole blocks and products beyond 2^63 - 1 are Errors.
uint64_t size_of(const GgufTensor& tensor, const Reader& reader, const std::string& what) {
  const GgmlTypeInfo& type = *find_ggml_type(tensor.type);
  const int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (row % type.block_elements != 0)
    reader.fail(what, fmt::format("rows of {} elements", row),
                fmt::format("a multiple of {}, the block of {}", type.block_elements, type.name));
  int64_t count = 1, size = 0;
  bool fits = true;
  for (const int64_t dimension : tensor.shape)
    fits = fits && !__builtin_mul_overflow(count, dimension, &count);
  fits = fits && !__builtin_mul_overflow(count / type.block_elements, type.block_bytes, &size);
  if (!fits) reader.fail(what, "dimensions whose product overflows", "a tensor that fits into memory");
  return static_cast<uint64_t>(size);
}

TensorInfo read_tensor_info(Reader& reader, uint64_t index) {
  const std::string number = fmt::format("tensor {}", index);
  TensorInfo info;
  info.tensor.name = reader.take_string(number);
  const std::string what = shown(info.tensor.name);
  if (info.tensor.name.empty()) reader.fail(number, "an empty name", "a name");
  const auto dimensions = reader.take<uint32_t>(what);
  if (dimensions > max_dimensions)
    reader.fail(what, fmt::format("{} dimensions", dimensions), fmt::format("at most {}", max_dimensions));
  for (uint32_t i = 0; i < dimensions; ++i) {
    const auto size = reader.take<uint64_t>(what);
    if (size > static_cast<uint64_t>(INT64_MAX))
      reader.fail(what, fmt::format("a dimension of {}", size), "at most 2^63 - 1");
    info.tensor.shape.insert(info.tensor.shape.begin(), static_cast<int64_t>(size));
  }
  info.tensor.type = reader.take<uint32_t>(what);
  if (find_ggml_type(info.tensor.type) == nullptr)
    reader.fail(what, fmt::format("tensor type {}", info.tensor.type),
                "a type of ggml that this version knows");
  info.offset = reader.take<uint64_t>(what);
  info.size = size_of(info.tensor, reader, what);
  return info;
}

int64_t read_alignment(const GgufMetadata& metadata) {
  const int64_t alignment = metadata.integer("general.alignment").value_or(32);
  if (alignment < 1 || alignment > max_alignment || !std::has_single_bit(static_cast<uint64_t>(alignment)))
    throw Error({.where = metadata.where() + ": general.alignment",
                 .found = fmt::format("{}", alignment),
                 .expected = fmt::format("a power of two up to {}", max_alignment)});
  return alignment;
}

// Gives tensors their bytes in `data`.
void place_tensors(std::vector<TensorInfo>& infos, std::span<const std::byte> data, int64_t alignment,
                   const Reader& reader) {
  for (auto& [tensor, offset, size] : infos) {
    const std::string what = shown(tensor.name);
    if (offset % static_cast<uint64_t>(alignment) != 0)
      reader.fail(what, fmt::format("offset {}", offset),
                  fmt::format("a multiple of the alignment {}", alignment));
    if (offset > data.size() || size > data.size() - offset)
      reader.fail(what, fmt::format("{} bytes at offset {} of {} bytes of data", size, offset, data.size()),
                  "a tensor within the file", perhaps_incomplete);
    tensor.bytes = data.subspan(offset, size);
  }
  std::vector<const TensorInfo*> order;
  for (const auto& info : infos)
    if (info.size > 0) order.push_back(&info);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->offset < b->offset; });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->size)
      reader.fail(shown(order[i]->tensor.name),
                  fmt::format("offset {}, inside '{}'", order[i]->offset, shown(order[i - 1]->tensor.name)),
                  "tensors that do not overlap");
}

void check_version(uint32_t version, const Reader& reader) {
  if (version == 2 || version == 3) return;
  const bool swapped = (version & 0xFFFFu) == 0 && version != 0;
  reader.fail("version", swapped ? "a big-endian file" : fmt::format("{}", version), "2 or 3, little-endian",
              version == 1 ? "convert the model again: version 1 was given up in 2023" : "");
}

}  // namespace

int64_t GgufTensor::count() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

GgufContent parse_gguf(std::span<const std::byte> bytes, const std::string& where) {
  Reader reader(bytes, where);
  if (bytes.size() < magic.size() || std::memcmp(bytes.data(), magic.data(), magic.size()) != 0)
    throw Error({.where = where,
                 .found = bytes.empty() ? "an empty file" : "a file that does not begin with 'GGUF'",
                 .expected = "a GGUF file"});
  reader.take<uint32_t>("magic");
  GgufContent content;
  content.version = reader.take<uint32_t>("version");
  check_version(content.version, reader);
  constexpr uint64_t least_tensor = 8 + 4 + 4 + 8, least_entry = 8 + 4 + 1;
  const uint64_t tensors = reader.take_count("tensor count", least_tensor);
  const uint64_t entries = reader.take_count("key count", least_entry);
  content.metadata = read_metadata(reader, entries, where);
  content.alignment = read_alignment(content.metadata);

  std::vector<TensorInfo> infos;
  std::unordered_set<std::string> names;
  for (uint64_t i = 0; i < tensors; ++i) {
    infos.push_back(read_tensor_info(reader, i));
    const std::string& name = infos.back().tensor.name;
    if (!names.insert(name).second)
      reader.fail(shown(name), "a tensor that occurs twice", "each tensor once");
  }
  const auto alignment = static_cast<size_t>(content.alignment);
  const size_t begin = (reader.position() + alignment - 1) / alignment * alignment;
  place_tensors(infos, bytes.subspan(std::min(begin, bytes.size())), content.alignment, reader);
  for (auto& info : infos) content.tensors.push_back(std::move(info.tensor));
  return content;
}

bool is_gguf_file(const std::filesystem::path& path) {
  if (!std::filesystem::is_regular_file(path)) return false;
  if (path.extension() == ".gguf") return true;
  char first[magic.size()] = {};
  std::ifstream file(path, std::ios::binary);
  file.read(first, sizeof first);
  return std::string_view(first, sizeof first) == magic;
}

GgufFile::GgufFile(const std::filesystem::path& path)
    : file_(path, true), content_(parse_gguf(file_.bytes(), path.string())) {}

const GgufTensor* GgufFile::find(std::string_view name) const {
  const auto found = std::find_if(content_.tensors.begin(), content_.tensors.end(),
                                  [&](const GgufTensor& tensor) { return tensor.name == name; });
  return found == content_.tensors.end() ? nullptr : &*found;
}

}  // namespace coppice
