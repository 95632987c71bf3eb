#pragma once
// Any model whose architecture GGUF has a name for, written as a GGUF file.

#include <filesystem>
#include <string>
#include <vector>

#include "base/fields.h"
#include "format/gguf.h"
#include "model/model_files.h"
#include "model/sentence/sentence_spec.h"
#include "model/weight_error.h"

namespace coppice {

// The type of matrices. Vectors, routers and learned positions are F32. Quantized types are llama.cpp's mixtures of
// that name (q4_k and q5_k those called _M): the head, and an embedding that is the head, are Q6_K unless all are
// q8_0; rows that are no multiple of 256 have the next finer type of 32, and of neither, F16.
enum class GgufWeights { f32, f16, bf16, q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, q4_1, q4_0 };

template <>
struct EnumNames<GgufWeights> {
  static constexpr auto values =
      std::to_array<std::pair<GgufWeights, const char*>>({{GgufWeights::f32, "f32"},
                                                          {GgufWeights::f16, "f16"},
                                                          {GgufWeights::bf16, "bf16"},
                                                          {GgufWeights::q8_0, "q8_0"},
                                                          {GgufWeights::q6_k, "q6_k"},
                                                          {GgufWeights::q5_k, "q5_k"},
                                                          {GgufWeights::q5_1, "q5_1"},
                                                          {GgufWeights::q5_0, "q5_0"},
                                                          {GgufWeights::q4_k, "q4_k"},
                                                          {GgufWeights::q4_1, "q4_1"},
                                                          {GgufWeights::q4_0, "q4_0"}});
};

struct GgufExport {
  std::string architecture;
  int64_t tensors = 0, bytes = 0;       // bytes of the whole file
  std::vector<std::string> not_blocks;  // matrices whose rows are no multiple of a block
  // Tensors on top of a text encoder, by their canonical names, and prompts, which GGUF has no place for.
  std::vector<std::string> left_out;
  std::vector<WrittenTensor> written;  // all but rope's factors
};

// An architecture or a tokenizer without a GGUF name is an Error that says why, before anything is written. `sentence`
// is what a sentence-transformers directory says around the model: its pooling is written; Normalize says
// nothing that readers of such files do not choose themselves; other modules are Errors.
GgufExport export_gguf(const ModelFiles& model, GgufWeights type, const std::filesystem::path& out,
                       const SentenceSpec* sentence = nullptr);

}  // namespace coppice
