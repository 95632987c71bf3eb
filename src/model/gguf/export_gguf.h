#pragma once
// Any model whose architecture GGUF has a name for, written as a GGUF file.

#include <filesystem>
#include <string>
#include <vector>

#include "base/fields.h"
#include "format/gguf.h"
#include "model/model_files.h"
#include "model/sentence/sentence_spec.h"

namespace coppice {

// The type of matrices. Vectors, routers and learned positions are F32; rows that are no multiple of a block
// are F16; with q4_0 the head, and an embedding that is the head, are Q8_0.
enum class GgufWeights { f32, f16, bf16, q8_0, q4_0 };

template <>
struct EnumNames<GgufWeights> {
  static constexpr auto values =
      std::to_array<std::pair<GgufWeights, const char*>>({{GgufWeights::f32, "f32"},
                                                          {GgufWeights::f16, "f16"},
                                                          {GgufWeights::bf16, "bf16"},
                                                          {GgufWeights::q8_0, "q8_0"},
                                                          {GgufWeights::q4_0, "q4_0"}});
};

struct GgufExport {
  std::string architecture;
  int64_t tensors = 0, bytes = 0;       // bytes of the whole file
  std::vector<std::string> not_blocks;  // matrices whose rows are no multiple of a block
  // Tensors on top of a text encoder, by their canonical names, and prompts, which GGUF has no place for.
  std::vector<std::string> left_out;
};

// An architecture or a tokenizer without a GGUF name is an Error that says why, before anything is written. `sentence`
// is what a sentence-transformers directory says around the model: its pooling is written; Normalize says
// nothing that readers of such files do not choose themselves; other modules are Errors.
GgufExport export_gguf(const ModelFiles& model, GgufWeights type, const std::filesystem::path& out,
                       const SentenceSpec* sentence = nullptr);

}  // namespace coppice
