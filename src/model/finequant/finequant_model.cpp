#include "model/finequant/finequant_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/nearest.h"
#include "format/float16.h"
#include "format/gguf_types.h"
#include "model/arch/families.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

constexpr const char* quantization_key = "quantization_config";
constexpr const char* method_key = "quant_method";
constexpr const char* method_name = "finequant";

std::string integers_name(const std::string& name) {
  return name + ".integers";
}
std::string scales_name(const std::string& name) {
  return name + ".scales";
}

// config.json without what it says of quantization.
Json plain_config(const fs::path& path) {
  Json config = read_json_file(path / "config.json", perhaps_incomplete);
  const std::string where = (path / "config.json").string();
  const Json settings = config.at(quantization_key);
  const std::vector<std::string> known = {method_key, "alpha", "least_group"};
  for (const auto& [key, ignored] : settings.items())
    if (std::ranges::find(known, key) == known.end())
      throw Error({.where = where + "." + quantization_key,
                   .found = fmt::format("unknown key '{}'", key),
                   .advice = suggest(key, known)});
  config.erase(quantization_key);
  if (config.value("model_type", "") != "coppice")
    throw Error({.where = where,
                 .found = "model_type " + to_line(config.value("model_type", Json())).substr(0, 60),
                 .expected = "\"coppice\", as files of this kind have it"});
  return config;
}

// The bits of a matrix; 0 if it stays as it is.
int bits_of(const TensorSpec& tensor) {
  const auto is = [&](const char* part) { return tensor.name.find(part) != std::string::npos; };
  if (tensor.shape.size() != 2) return 0;
  if (tensor.name.ends_with("embed_tokens.weight") || tensor.name == "lm_head.weight") return 8;
  if (!tensor.name.ends_with("_proj.weight")) return 0;
  return is(".mlp.") && !is(".shared_expert.") ? 4 : 8;
}

template <class T>
std::vector<T> numbers_at(const TensorView& view) {
  std::vector<T> numbers(view.bytes.size() / sizeof(T));
  std::memcpy(numbers.data(), view.bytes.data(), numbers.size() * sizeof(T));
  return numbers;
}

}  // namespace

bool is_finequant_directory(const fs::path& path) {
  if (!fs::is_regular_file(path / "config.json")) return false;
  const Json config = read_json_file(path / "config.json", perhaps_incomplete);
  if (!config.is_object()) return false;
  const auto settings = config.find(quantization_key);
  return settings != config.end() && settings->is_object() &&
         settings->value(method_key, Json()) == method_name;
}

void check_groups(const TensorSpec& wanted, const TensorView& integers, const TensorView* scales,
                  const std::string& where) {
  const bool four_bits = integers.dtype == DType::u8;
  if (wanted.shape.size() != 2 || wanted.integer || (!four_bits && integers.dtype != DType::i8))
    throw Error({.where = where,
                 .found = dtype_name(integers.dtype) + " integers",
                 .expected = "U8 or I8 ones in place of a matrix of floats"});
  const int64_t rows = wanted.shape[0], columns = wanted.shape[1];
  const std::vector<int64_t> shape = {rows, four_bits ? (columns + 1) / 2 : columns};
  if (integers.shape != shape)
    throw Error({.where = where,
                 .found = "integers of shape " + shape_text(integers.shape),
                 .expected = shape_text(shape) + " by config.json"});
  if (scales == nullptr) throw Error({.where = where, .found = "integers without scales"});
  if (scales->dtype != DType::f16 || scales->shape.size() != 2 || scales->shape[0] != rows ||
      scales->shape[1] < 1 || columns % scales->shape[1] != 0)
    throw Error(
        {.where = where,
         .found = fmt::format("{} scales of shape {}", dtype_name(scales->dtype), shape_text(scales->shape)),
         .expected = fmt::format("F16 ones, {} rows of a number that divides {}", rows, columns)});
  for (const uint16_t bits : numbers_at<uint16_t>(*scales))
    if (const float scale = f16_to_float(bits); !std::isfinite(scale) || scale < 0)
      throw Error({.where = where,
                   .found = fmt::format("the scale {}", scale),
                   .expected = "finite scales that are not negative"});
}

std::vector<float> floats_of(const TensorSpec& wanted, const TensorView& integers, const TensorView& scales) {
  return floats_of_groups(integers.bytes, numbers_at<uint16_t>(scales), wanted.shape[0], wanted.shape[1],
                          integers.dtype == DType::u8 ? 4 : 8);
}

FinequantModel::FinequantModel(const fs::path& path)
    : path_(path),
      spec_(spec_from_config(plain_config(path), (path / "config.json").string())),
      tensors_(path) {
  validate(spec_, path_.string());
  bind_tensors();
}

void FinequantModel::bind_tensors() {
  std::set<std::string> used;
  for (const auto& wanted : tensor_table(spec_)) {
    shapes_[wanted.name] = wanted.shape;
    const TensorView* integers = tensors_.find(integers_name(wanted.name));
    const TensorView* whole = tensors_.find(wanted.name);
    if ((integers != nullptr) == (whole != nullptr))
      throw Error({.where = path_.string(),
                   .found = fmt::format("{} '{}' and '{}'", whole ? "both" : "neither", wanted.name,
                                        integers_name(wanted.name)),
                   .expected = "one of them"});
    if (integers != nullptr) {
      check_groups(wanted, *integers, tensors_.find(scales_name(wanted.name)),
                   path_.string() + ": " + wanted.name);
      used.insert({integers->name, scales_name(wanted.name)});
      continue;
    }
    if (whole->shape != wanted.shape ||
        (wanted.integer ? whole->dtype != DType::i32 : !is_floating(whole->dtype)))
      throw Error({.where = path_.string() + ": " + wanted.name,
                   .found = dtype_name(whole->dtype) + " of shape " + shape_text(whole->shape),
                   .expected = fmt::format("{} of shape {}", wanted.integer ? "I32" : "floating point",
                                           shape_text(wanted.shape))});
    used.insert(whole->name);
  }
  for (const auto& name : tensors_.names())
    if (!used.contains(name))
      throw Error(
          {.where = path_.string(),
           .found = fmt::format("tensor '{}', for which this model has no place", name.substr(0, 80))});
}

TensorView FinequantModel::tensor(const std::string& canonical_name) const {
  const TensorView* integers = tensors_.find(integers_name(canonical_name));
  if (integers == nullptr) {
    const TensorView* whole = tensors_.find(canonical_name);
    COPPICE_CHECK(whole != nullptr, "tensor_table has " + canonical_name);
    return *whole;
  }
  const TensorSpec wanted{canonical_name, shapes_.at(canonical_name)};
  auto values = std::make_shared<const std::vector<float>>(
      floats_of(wanted, *integers, *tensors_.find(scales_name(canonical_name))));
  return {.name = canonical_name,
          .dtype = DType::f32,
          .shape = wanted.shape,
          .bytes = std::as_bytes(std::span(*values)),
          .memory = values};
}

StoredMatrix FinequantModel::matrix(const std::string& canonical_name) const {
  const TensorView* integers = tensors_.find(integers_name(canonical_name));
  if (integers == nullptr || !has_blocks(canonical_name)) return ModelFiles::matrix(canonical_name);
  const TensorView& scales = *tensors_.find(scales_name(canonical_name));
  const std::vector<int64_t>& shape = shapes_.at(canonical_name);
  const bool four_bits = integers->dtype == DType::u8;
  auto blocks = std::make_shared<const std::vector<std::byte>>(
      blocks_of_groups(integers->bytes, numbers_at<uint16_t>(scales), shape[0], shape[1], four_bits ? 4 : 8));
  return {{canonical_name, four_bits ? GgmlType::q4_0 : GgmlType::q8_0, shape[0], shape[1], *blocks}, blocks};
}

TensorForm FinequantModel::form(const std::string& canonical_name) const {
  const std::vector<int64_t>& shape = shapes_.at(canonical_name);
  const TensorView* integers = tensors_.find(integers_name(canonical_name));
  if (integers == nullptr) return {plain_type(tensors_.find(canonical_name)->dtype, canonical_name), shape};
  if (!has_blocks(canonical_name)) return {GgmlType::f32, shape, true};
  return {integers->dtype == DType::u8 ? GgmlType::q4_0 : GgmlType::q8_0, shape, true};
}

// Whether groups of integers are whole blocks.
bool FinequantModel::has_blocks(const std::string& canonical_name) const {
  const std::vector<int64_t>& shape = shapes_.at(canonical_name);
  const int64_t groups = tensors_.find(scales_name(canonical_name))->shape[1];
  return shape[0] > 0 && shape[1] / groups % ggml_type_info(GgmlType::q4_0).block_elements == 0;
}

std::vector<StoredTensor> FinequantModel::stored() const {
  std::vector<StoredTensor> list;
  for (const auto& name : tensors_.names()) {
    const TensorView& view = *tensors_.find(name);
    list.push_back({view.name, dtype_name(view.dtype), view.shape, static_cast<int64_t>(view.bytes.size())});
  }
  return list;
}

std::vector<WrittenTensor> write_finequant(const ModelFiles& model, const GroupChoice& choice,
                                           const fs::path& directory) {
  std::vector<WrittenTensor> written;
  std::deque<GroupedIntegers> kept;  // what `tensors` points into
  std::deque<TensorView> views;
  std::vector<TensorData> tensors;
  for (const auto& wanted : tensor_table(model.spec())) {
    const TensorView& view = views.emplace_back(model.tensor(wanted.name));
    const int bits = bits_of(wanted);
    const auto size = static_cast<int64_t>(view.bytes.size());
    if (bits == 0) {
      tensors.push_back({wanted.name, view.dtype, wanted.shape, view.bytes});
      written.push_back({wanted.name, dtype_name(view.dtype), wanted.shape, size, {}});
      continue;
    }
    const std::vector<float> values = view.to_floats();
    const int64_t rows = wanted.shape[0], columns = wanted.shape[1];
    const std::string where = model.path().string() + ": " + wanted.name;
    const GroupedIntegers& grouped =
        kept.emplace_back(quantize_in_groups(values, rows, bits, choose_group(values, rows, choice), where));
    views.pop_back();
    WeightError error;
    error.add(values, floats_of_groups(grouped.integers, grouped.scales, rows, columns, bits));
    tensors.push_back({integers_name(wanted.name),
                       bits == 4 ? DType::u8 : DType::i8,
                       {rows, grouped.row_bytes()},
                       grouped.integers});
    tensors.push_back({scales_name(wanted.name),
                       DType::f16,
                       {rows, grouped.groups_per_row()},
                       std::as_bytes(std::span(grouped.scales))});
    written.push_back({wanted.name, fmt::format("int{} in groups of {}", bits, grouped.group), wanted.shape,
                       grouped.bytes(), error});
  }
  write_tensor_folder(directory, tensors);
  Json config = families().get("coppice").write(model.spec());
  config[quantization_key] = {
      {method_key, method_name}, {"alpha", choice.alpha}, {"least_group", choice.least_group}};
  write_file(directory / "config.json", to_text(config));
  return written;
}

}  // namespace coppice
