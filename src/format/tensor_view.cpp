#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <numeric>

#include "base/error.h"
#include "format/float16.h"
#include "format/safetensors.h"

namespace coppice {
namespace {

struct DTypeInfo {
  DType dtype;
  const char* name;
  size_t bytes;
};

constexpr std::array dtypes = {DTypeInfo{DType::f64, "F64", 8},        DTypeInfo{DType::f32, "F32", 4},
                               DTypeInfo{DType::f16, "F16", 2},        DTypeInfo{DType::bf16, "BF16", 2},
                               DTypeInfo{DType::i64, "I64", 8},        DTypeInfo{DType::i32, "I32", 4},
                               DTypeInfo{DType::i16, "I16", 2},        DTypeInfo{DType::i8, "I8", 1},
                               DTypeInfo{DType::u8, "U8", 1},          DTypeInfo{DType::boolean, "BOOL", 1},
                               DTypeInfo{DType::f8_e4m3, "F8_E4M3", 1}};

const DTypeInfo& info_of(DType dtype) {
  const auto found =
      std::find_if(dtypes.begin(), dtypes.end(), [&](const auto& info) { return info.dtype == dtype; });
  COPPICE_CHECK(found != dtypes.end(), "every dtype is in the table");
  return *found;
}

// Foreign files need not align their tensors, so elements are copied out byte-wise.
template <class Stored, class Convert>
std::vector<float> convert_all(std::span<const std::byte> bytes, Convert convert) {
  std::vector<float> values(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < values.size(); ++i) {
    Stored element;
    std::memcpy(&element, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = convert(element);
  }
  return values;
}

}  // namespace

size_t byte_size(DType dtype) {
  return info_of(dtype).bytes;
}

std::string dtype_name(DType dtype) {
  return info_of(dtype).name;
}

DType parse_dtype(const std::string& name, const std::string& where) {
  std::string known;
  for (const auto& info : dtypes) {
    if (name == info.name) return info.dtype;
    known += (known.empty() ? "" : ", ") + std::string(info.name);
  }
  throw Error({.where = where,
               .found = fmt::format("dtype '{}'", name.substr(0, 40)),
               .expected = "one of " + known});
}

bool is_floating(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (const int64_t size : shape) text += fmt::format("{}{}", text.size() > 1 ? ", " : "", size);
  return text + "]";
}

int64_t TensorView::count() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

std::vector<float> TensorView::to_floats() const {
  switch (dtype) {
    case DType::f32:
      return convert_all<float>(bytes, [](float x) { return x; });
    case DType::f64:
      return convert_all<double>(bytes, [](double x) { return static_cast<float>(x); });
    case DType::f16:
      return convert_all<uint16_t>(bytes, f16_to_float);
    case DType::bf16:
      return convert_all<uint16_t>(bytes, bf16_to_float);
    default:
      break;
  }
  throw Error({.where = name, .found = "dtype " + dtype_name(dtype), .expected = "a floating-point dtype"});
}

std::vector<int32_t> TensorView::to_integers() const {
  if (dtype != DType::i32)
    throw Error({.where = name, .found = "dtype " + dtype_name(dtype), .expected = "I32"});
  std::vector<int32_t> values(bytes.size() / sizeof(int32_t));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace coppice
