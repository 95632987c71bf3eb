#pragma once
// What GGUF calls the tensors of tensor_table (model/spec.h).

#include <optional>
#include <string>

namespace coppice {

struct GgufTensorName {
  std::string name;
  std::optional<int64_t> expert;  // the slice of a tensor that stacks all experts
  bool rotary = false;            // a query or key projection, whose rows may be interleaved
};

// Nothing for a tensor that GGUF has no name for.
std::optional<GgufTensorName> gguf_tensor_name(const std::string& canonical_name);

inline constexpr const char* rope_factors_name = "rope_freqs.weight";

}  // namespace coppice
