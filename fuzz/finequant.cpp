// A safetensors file of any bytes whose tensors are taken for FineQuant's integers and scales: refused with an Error, or
// read whole as finite numbers.

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "model/finequant/finequant_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  try {
    const auto header = parse_safetensors(std::as_bytes(std::span(data, size)), "input");
    const auto& tensors = header.tensors;
    for (size_t i = 0; i < tensors.size(); ++i)
      for (size_t j = 0; j <= tensors.size(); ++j) {
        const TensorView* scales = j < tensors.size() ? &tensors[j] : nullptr;
        TensorSpec wanted{"matrix", tensors[i].shape};
        if (wanted.shape.size() == 2 && tensors[i].dtype == DType::u8 && wanted.shape[1] < int64_t{1} << 40)
          wanted.shape[1] = wanted.shape[1] * 2 - static_cast<int64_t>(size % 2);
        try {
          check_groups(wanted, tensors[i], scales, "input");
        } catch (const Error&) {
          continue;
        }
        const auto values = floats_of(wanted, tensors[i], *scales);
        COPPICE_CHECK(values.size() == static_cast<size_t>(wanted.count()));
        for (const float value : values) COPPICE_CHECK(std::isfinite(value));
      }
  } catch (const Error&) {
  }
  return 0;
}
