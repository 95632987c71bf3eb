#include "model/trace.h"

#include "base/error.h"
#include "format/safetensors.h"

namespace coppice {

TraceSink collect_into(Trace& trace) {
  return [&trace](const std::string& name, int64_t rows, int64_t width, const float* values) {
    Activation32& activation = trace[name];
    if (activation.shape.empty()) activation.shape = {0, width};
    COPPICE_CHECK(activation.shape[1] == width, name);
    activation.shape[0] += rows;
    activation.values.insert(activation.values.end(), values, values + rows * width);
  };
}

void write_trace(const std::filesystem::path& path, const Trace& trace) {
  std::vector<TensorData> tensors;
  for (const auto& [name, activation] : trace)
    tensors.push_back({name, DType::f32, activation.shape, std::as_bytes(std::span(activation.values))});
  write_safetensors(path, tensors);
}

}  // namespace coppice
