#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "format/safetensors.h"

namespace coppice {
namespace {

constexpr uint64_t length_bytes = 8;
constexpr uint64_t max_header_bytes = 100'000'000;  // the format's own limit
constexpr size_t max_dimensions = 16;

// The JSON header's text, its length checked.
std::string_view header_text(std::span<const std::byte> bytes, const std::string& where) {
  if (bytes.size() < length_bytes)
    throw Error({.where = where,
                 .found = fmt::format("a file of {} bytes", bytes.size()),
                 .expected = "a safetensors file",
                 .advice = perhaps_incomplete});
  uint64_t length = 0;
  for (size_t i = length_bytes; i-- > 0;) length = length << 8 | std::to_integer<uint64_t>(bytes[i]);
  if (length > max_header_bytes)
    throw Error({.where = where,
                 .found = fmt::format("a header length of {}", length),
                 .expected = fmt::format("at most {}", max_header_bytes),
                 .advice = "perhaps not a safetensors file"});
  if (length > bytes.size() - length_bytes)
    throw Error({.where = where,
                 .found = fmt::format("a header length of {} in a file of {} bytes", length, bytes.size()),
                 .expected = "a header within the file",
                 .advice = perhaps_incomplete});
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + length_bytes, length);
  if (text.empty() || text.front() != '{')
    throw Error({.where = where,
                 .found = "a header that is not a JSON object",
                 .advice = "perhaps not a safetensors file"});
  return text;
}

std::map<std::string, std::string> read_metadata(const nlohmann::json& json, const std::string& where) {
  if (!json.is_object())
    throw Error({.where = where + ": __metadata__", .found = json.type_name(), .expected = "an object"});
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string())
      throw Error(
          {.where = where + ": __metadata__." + key, .found = value.type_name(), .expected = "a string"});
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

const nlohmann::json& member(const nlohmann::json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) throw Error({.where = where, .found = fmt::format("no '{}'", key)});
  return *found;
}

// A list of whole numbers from 0 to 2^63 - 1.
std::vector<int64_t> whole_numbers(const nlohmann::json& json, const std::string& where) {
  if (!json.is_array())
    throw Error({.where = where, .found = json.type_name(), .expected = "a list of whole numbers"});
  std::vector<int64_t> numbers;
  for (const auto& element : json) {
    // The parser stores a number without sign, point and exponent as unsigned.
    if (!element.is_number_unsigned() || element.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
      throw Error({.where = where,
                   .found = element.dump().substr(0, 40),
                   .expected = "a whole number from 0 to 2^63 - 1"});
    numbers.push_back(element.get<int64_t>());
  }
  return numbers;
}

// Bytes of a tensor of this shape; a product beyond 2^63 - 1 is an Error.
int64_t checked_bytes(const std::vector<int64_t>& shape, DType dtype, const std::string& where) {
  if (shape.size() > max_dimensions)
    throw Error({.where = where,
                 .found = fmt::format("{} dimensions", shape.size()),
                 .expected = fmt::format("at most {}", max_dimensions)});
  auto bytes = static_cast<int64_t>(byte_size(dtype));
  for (const int64_t size : shape)
    if (__builtin_mul_overflow(bytes, size, &bytes))
      throw Error({.where = where,
                   .found = "shape " + shape_text(shape),
                   .expected = "a tensor that fits into memory"});
  return bytes;
}

TensorView read_entry(const std::string& name, const nlohmann::json& entry, std::span<const std::byte> data,
                      const std::string& file) {
  const std::string where = file + ": " + name;
  if (!entry.is_object()) throw Error({.where = where, .found = entry.type_name(), .expected = "an object"});
  for (const auto& [key, value] : entry.items())
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      throw Error({.where = where,
                   .found = fmt::format("unknown key '{}'", key),
                   .expected = "dtype, shape and data_offsets"});
  const auto& dtype = member(entry, "dtype", where);
  if (!dtype.is_string())
    throw Error({.where = where + ".dtype", .found = dtype.type_name(), .expected = "a string"});
  TensorView tensor{.name = name,
                    .dtype = parse_dtype(dtype.get<std::string>(), where),
                    .shape = whole_numbers(member(entry, "shape", where), where + ".shape"),
                    .bytes = {}};
  const int64_t length = checked_bytes(tensor.shape, tensor.dtype, where);

  const auto offsets = whole_numbers(member(entry, "data_offsets", where), where + ".data_offsets");
  if (offsets.size() != 2)
    throw Error({.where = where + ".data_offsets",
                 .found = fmt::format("{} numbers", offsets.size()),
                 .expected = "2"});
  const auto [begin, end] = std::pair(offsets[0], offsets[1]);
  if (begin > end)
    throw Error({.where = where,
                 .found = fmt::format("bytes {} to {}", begin, end),
                 .expected = "an end that is not before the beginning"});
  if (static_cast<uint64_t>(end) > data.size())
    throw Error({.where = where,
                 .found = fmt::format("bytes up to {} of {}", end, data.size()),
                 .expected = "a tensor within the file",
                 .advice = perhaps_incomplete});
  if (end - begin != length)
    throw Error({.where = where,
                 .found = fmt::format("{} bytes", end - begin),
                 .expected = fmt::format("{} for {} of shape {}", length, dtype_name(tensor.dtype),
                                         shape_text(tensor.shape))});
  tensor.bytes = data.subspan(static_cast<size_t>(begin), static_cast<size_t>(length));
  return tensor;
}

// Sorts tensors by place; together they must be all of `data`, each byte once.
void check_places(std::vector<TensorView>& tensors, std::span<const std::byte> data,
                  const std::string& where) {
  const auto begin = [&](const TensorView& t) { return t.bytes.data() - data.data(); };
  std::sort(tensors.begin(), tensors.end(), [&](const TensorView& a, const TensorView& b) {
    return std::pair(begin(a), a.bytes.size()) < std::pair(begin(b), b.bytes.size());
  });
  std::ptrdiff_t reached = 0;
  for (const auto& tensor : tensors) {
    if (begin(tensor) != reached)
      throw Error({.where = where + ": " + tensor.name,
                   .found = fmt::format("begins at byte {}, {}", begin(tensor),
                                        begin(tensor) < reached ? "inside another tensor" : "after a hole"),
                   .expected = fmt::format("{}", reached)});
    reached += static_cast<std::ptrdiff_t>(tensor.bytes.size());
  }
  if (static_cast<size_t>(reached) != data.size())
    throw Error(
        {.where = where,
         .found = fmt::format("{} bytes behind the last tensor", data.size() - static_cast<size_t>(reached)),
         .expected = "none"});
}

}  // namespace

SafetensorsHeader parse_safetensors(std::span<const std::byte> bytes, const std::string& where) {
  const std::string_view text = header_text(bytes, where);
  const auto data = bytes.subspan(length_bytes + text.size());
  const auto json = parse_large_json(text, where, perhaps_incomplete);
  SafetensorsHeader header;
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__")
      header.metadata = read_metadata(entry, where);
    else
      header.tensors.push_back(read_entry(name, entry, data, where));
  }
  check_places(header.tensors, data, where);
  return header;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path, true) {
  auto header = parse_safetensors(file_.bytes(), path.string());
  tensors_ = std::move(header.tensors);
  metadata_ = std::move(header.metadata);
}

}  // namespace coppice
