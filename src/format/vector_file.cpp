#include "format/vector_file.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "format/npy.h"

namespace coppice {
namespace {

constexpr int64_t highest_dim = 32767;

std::vector<int64_t> whole_numbers(const TensorView& view, const std::string& where) {
  if (view.shape.size() != 1 || (view.dtype != DType::i32 && view.dtype != DType::i64))
    throw Error({.where = where,
                 .found = fmt::format("lengths of type {} and shape {}", dtype_name(view.dtype),
                                      shape_text(view.shape)),
                 .expected = "a list of int32 or int64"});
  const size_t size = byte_size(view.dtype);
  std::vector<int64_t> numbers(view.bytes.size() / size);
  for (size_t i = 0; i < numbers.size(); ++i) {
    int32_t narrow = 0;
    if (view.dtype == DType::i64) {
      std::memcpy(&numbers[i], view.bytes.data() + i * size, size);
    } else {
      std::memcpy(&narrow, view.bytes.data() + i * size, size);
      numbers[i] = narrow;
    }
    if (numbers[i] < 0)
      throw Error(
          {.where = where, .found = fmt::format("a length of {}", numbers[i]), .expected = "0 or more"});
  }
  return numbers;
}

const TensorView* find_tensor(const std::vector<TensorView>& tensors, std::string_view name) {
  for (const auto& tensor : tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

}  // namespace

void VectorFile::set_rows(const TensorView& view) {
  if (view.shape.size() != 2 || !is_floating(view.dtype))
    throw Error({.where = where_,
                 .found = fmt::format("an array of type {} and shape {}", dtype_name(view.dtype),
                                      shape_text(view.shape)),
                 .expected = "a matrix of floats, a row per vector"});
  rows_ = static_cast<uint64_t>(view.shape[0]);
  dim_ = view.shape[1];
  if (rows_ > 0 && (dim_ < 1 || dim_ > highest_dim))
    throw Error({.where = where_,
                 .found = fmt::format("vectors of {} dimensions", dim_),
                 .expected = fmt::format("1 to {}", highest_dim)});
  const size_t row_bytes = static_cast<size_t>(dim_) * byte_size(view.dtype);
  append_ = [view, row_bytes, dim = dim_](uint64_t row, std::vector<float>& to) {
    TensorView one = view;
    one.shape = {dim};
    one.bytes = view.bytes.subspan(row * row_bytes, row_bytes);
    const auto values = one.to_floats();
    to.insert(to.end(), values.begin(), values.end());
  };
}

void VectorFile::set_fvecs(std::span<const std::byte> bytes) {
  int32_t dim = 0;
  if (bytes.size() >= 4) std::memcpy(&dim, bytes.data(), 4);
  if (!bytes.empty() && (dim < 1 || dim > highest_dim))
    throw Error({.where = where_,
                 .found = fmt::format("a first vector of {} dimensions", dim),
                 .expected = fmt::format("1 to {}", highest_dim)});
  const size_t row_bytes = 4 * (static_cast<size_t>(dim) + 1);
  for (size_t row = 0; row * row_bytes < bytes.size(); ++row) {
    int32_t here = 0;
    const size_t left = bytes.size() - row * row_bytes;
    if (left >= 4) std::memcpy(&here, bytes.data() + row * row_bytes, 4);
    if (left >= 4 && here != dim)
      throw Error({.where = fmt::format("{}, vector {}", where_, row),
                   .found = fmt::format("{} dimensions", here),
                   .expected = fmt::format("{}, as the first has", dim)});
    if (left < row_bytes)
      throw Error({.where = fmt::format("{}, vector {}", where_, row),
                   .found = fmt::format("{} bytes", left),
                   .expected = fmt::format("{}", row_bytes),
                   .advice = "perhaps the file is cut short"});
  }
  dim_ = dim;
  rows_ = bytes.size() / row_bytes;
  append_ = [bytes, row_bytes](uint64_t row, std::vector<float>& to) {
    const size_t before = to.size();
    to.resize(before + row_bytes / 4 - 1);
    std::memcpy(to.data() + before, bytes.data() + row * row_bytes + 4, row_bytes - 4);
  };
}

void VectorFile::add(std::string id, Stretch rows) {
  const auto [found, is_new] = stretches_.try_emplace(id);
  if (is_new) ids_.push_back(std::move(id));
  found->second.push_back(rows);
}

void VectorFile::name_rows(std::string_view ids, std::optional<TensorView> lengths) {
  const auto fail = [&](std::string found, std::string expected) {
    throw Error({.where = where_, .found = std::move(found), .expected = std::move(expected)});
  };
  std::vector<std::string> names;
  if (ids.ends_with('\n')) ids.remove_suffix(1);
  if (!ids.empty()) names = split(ids, '\n');
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].ends_with('\r')) names[i].pop_back();
    if (names[i].empty()) fail(fmt::format("no id in line {} of the ids", i + 1), "an id per line");
  }
  if (!lengths) {
    if (names.size() != rows_)
      fail(fmt::format("{} vectors and {} ids", rows_, names.size()), "an id for each vector");
    for (size_t row = 0; row < names.size(); ++row) add(std::move(names[row]), {row, 1});
    return;
  }
  const auto counts = whole_numbers(*lengths, where_);
  if (names.size() != counts.size())
    fail(fmt::format("{} lengths and {} ids", counts.size(), names.size()), "a length for each id");
  uint64_t first = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const auto count = static_cast<uint64_t>(counts[i]);
    if (count > rows_ - first)
      fail(fmt::format("{} token vectors", rows_),
           fmt::format("at least {} for the first {} texts", first + count, i + 1));
    if (stretches_.contains(names[i])) fail(fmt::format("the id '{}' twice", names[i]), "each text once");
    add(std::move(names[i]), {first, count});
    first += count;
  }
  if (first != rows_)
    fail(fmt::format("{} token vectors", rows_), fmt::format("{}, the sum of the lengths", first));
}

void VectorFile::read_lines(std::string_view text, VectorsOf of) {
  auto values = std::make_shared<std::vector<float>>();
  size_t line_number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trim(text.substr(at, end - at));
    at = end + 1;
    ++line_number;
    if (line.empty()) continue;
    const std::string where = fmt::format("{}:{}", where_, line_number);
    const Json json = parse_json(line, where);
    const auto fail = [&](std::string found, std::string expected) {
      throw Error({.where = where, .found = std::move(found), .expected = std::move(expected)});
    };
    const auto member = [&](std::initializer_list<const char*> names) -> const Json* {
      if (!json.is_object()) return nullptr;
      for (const char* name : names)
        if (const auto found = json.find(name); found != json.end()) return &*found;
      return nullptr;
    };
    const Json* id = member({"id", "_id"});
    if (id == nullptr || !(id->is_string() || id->is_number_integer())) fail("no id", "\"id\": \"…\"");
    std::string name = id->is_string() ? id->get<std::string>() : to_line(*id);
    const Json* list = member({"vector", "vectors", "embedding", "embeddings", "tokens"});
    if (list == nullptr || !list->is_array()) fail("no vector", "\"vector\": […]");
    const bool several = !list->empty() && list->front().is_array();
    const uint64_t first = rows_;
    const auto add_vector = [&](const Json& vector) {
      if (!vector.is_array() || vector.empty()) fail("a vector without numbers", "a list of numbers");
      const auto width = static_cast<int64_t>(vector.size());
      if (dim_ == 0) dim_ = width;
      if (width != dim_ || width > highest_dim)
        fail(fmt::format("a vector of {} dimensions", width),
             width > highest_dim ? fmt::format("at most {}", highest_dim)
                                 : fmt::format("{}, as the first has", dim_));
      for (const Json& value : vector) {
        if (!value.is_number()) fail(to_line(value).substr(0, 40) + " in a vector", "numbers");
        values->push_back(value.get<float>());
      }
      ++rows_;
    };
    if (several)
      for (const Json& vector : *list) add_vector(vector);
    else if (!list->empty())
      add_vector(*list);
    if (of == VectorsOf::tokens && stretches_.contains(name))
      fail(fmt::format("the id '{}' twice", name), "each text once");
    add(std::move(name), {first, rows_ - first});
  }
  memory_.push_back(values);
  append_ = [values = values.get(), dim = static_cast<size_t>(dim_)](uint64_t row, std::vector<float>& to) {
    const auto from = values->begin() + static_cast<int64_t>(row * dim);
    to.insert(to.end(), from, from + static_cast<int64_t>(dim));
  };
}

VectorFile VectorFile::parse(const Parts& parts, VectorsOf of, const std::string& where) {
  VectorFile file;
  file.where_ = where;
  const std::string_view text(reinterpret_cast<const char*>(parts.bytes.data()), parts.bytes.size());
  const bool of_tokens = of == VectorsOf::tokens;
  if (parts.extension == ".jsonl") {
    file.read_lines(text, of);
  } else if (parts.extension == ".npy") {
    file.set_rows(parse_npy(parts.bytes, where));
    file.name_rows(parts.ids,
                   of_tokens ? std::optional(parse_npy(parts.lengths, where + " (lengths)")) : std::nullopt);
  } else if (parts.extension == ".fvecs" && !of_tokens) {
    file.set_fvecs(parts.bytes);
    file.name_rows(parts.ids, {});
  } else if (parts.extension == ".safetensors") {
    const auto tensors = parse_safetensors(parts.bytes, where).tensors;
    const char* name = of_tokens ? "tokens" : "vectors";
    const TensorView *rows = find_tensor(tensors, name), *lengths = find_tensor(tensors, "lengths");
    if (rows == nullptr || (of_tokens && lengths == nullptr))
      throw Error({.where = where,
                   .found = fmt::format("no tensor '{}'", rows == nullptr ? name : "lengths"),
                   .expected = of_tokens ? "tokens and lengths" : "vectors"});
    file.set_rows(*rows);
    file.name_rows(parts.ids, of_tokens ? std::optional(*lengths) : std::nullopt);
  } else {
    throw Error(
        {.where = where,
         .found = fmt::format("a file that ends with '{}'", parts.extension),
         .expected = of_tokens ? ".npy, .safetensors or .jsonl" : ".npy, .fvecs, .safetensors or .jsonl"},
        Fault::usage);
  }
  return file;
}

VectorFile VectorFile::open(const std::filesystem::path& path, VectorsOf of) {
  const auto mapped = std::make_shared<MappedFile>(path);
  const std::string extension = path.extension().string();
  std::string ids;
  std::shared_ptr<MappedFile> lengths;
  if (extension != ".jsonl") {
    const auto beside = std::filesystem::path(path).replace_extension(".ids");
    if (!std::filesystem::exists(beside))
      throw Error({.where = path.string(),
                   .found = "no file " + beside.string(),
                   .expected = "the ids of the texts in it, one a line"});
    ids = read_file(beside);
  }
  if (extension == ".npy" && of == VectorsOf::tokens)
    lengths = std::make_shared<MappedFile>(std::filesystem::path(path).replace_extension(".lengths.npy"));
  VectorFile file = parse({.extension = extension,
                           .bytes = mapped->bytes(),
                           .ids = ids,
                           .lengths = lengths ? lengths->bytes() : std::span<const std::byte>()},
                          of, path.string());
  file.memory_.push_back(mapped);
  return file;
}

size_t VectorFile::vectors() const {
  return rows_;
}

std::optional<std::vector<float>> VectorFile::find(const std::string& id) const {
  const auto found = stretches_.find(id);
  if (found == stretches_.end()) return std::nullopt;
  std::vector<float> values;
  for (const auto& [first, count] : found->second)
    for (uint64_t row = first; row < first + count; ++row) append_(row, values);
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw Error({.where = fmt::format("{}, vectors of '{}'", where_, id),
                   .found = fmt::format("{} in dimension {}", values[i], i % static_cast<size_t>(dim_)),
                   .expected = "finite numbers"});
  return values;
}

}  // namespace coppice
