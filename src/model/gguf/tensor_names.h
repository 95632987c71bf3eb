#pragma once
// What GGUF calls the tensors of tensor_table (model/spec.h).

#include <optional>
#include <string>

#include "model/gguf/architectures.h"

namespace coppice {

struct GgufTensorName {
  std::string name;
  std::optional<int64_t> expert;  // the slice of a tensor that stacks all experts
  std::optional<int> qkv;         // queries, keys or values (0, 1, 2) of a tensor that stacks them
  bool rotary = false;            // a query or key projection, whose rows may be interleaved
  bool flat = false;              // a matrix of one row that lies as a vector
  bool expansion = false;         // of latent vectors: may lie as attn_k_b, transposed, and attn_v_b
};

// Nothing for a tensor that GGUF has no name for.
std::optional<GgufTensorName> gguf_tensor_name(const std::string& canonical_name,
                                               const GgufArchitecture& architecture);

// What stands before `blk.` and `output_norm`: the stack, where the architecture has such.
std::string gguf_stack(const GgufArchitecture& architecture, bool encoder);

// The parts of an expansion of latent vectors, by the name of the whole.
std::string expansion_part(const std::string& name, bool values);

inline constexpr const char* rope_factors_name = "rope_freqs.weight";

}  // namespace coppice
