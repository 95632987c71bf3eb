// A safetensors file of any bytes: refused with an Error, or read whole.

#include "format/safetensors.h"

#include <cstddef>
#include <cstdint>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const auto header = coppice::parse_safetensors(bytes, "input");
    size_t sum = 0;
    for (const auto& tensor : header.tensors) {
      COPPICE_CHECK(tensor.bytes.data() >= bytes.data() &&
                    tensor.bytes.data() + tensor.bytes.size() <= bytes.data() + bytes.size());
      COPPICE_CHECK(static_cast<size_t>(tensor.count()) * coppice::byte_size(tensor.dtype) ==
                    tensor.bytes.size());
      if (coppice::is_floating(tensor.dtype))
        COPPICE_CHECK(tensor.to_floats().size() == static_cast<size_t>(tensor.count()));
      sum += tensor.bytes.size();
    }
    COPPICE_CHECK(sum <= bytes.size());
  } catch (const coppice::Error&) {
  }
  return 0;
}
