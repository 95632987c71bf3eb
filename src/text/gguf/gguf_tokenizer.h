#pragma once
// Tokenizers inside GGUF files (keys tokenizer.ggml.*), of the models "llama" (SentencePiece BPE), "gpt2"
// (byte-level BPE), "bert" (WordPiece) and "t5" (Unigram), both ways.

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "format/gguf.h"
#include "text/tokenizer.h"

namespace coppice {

// Other tokenizer models, and lists that do not fit each other, are Errors.
std::unique_ptr<Tokenizer> read_gguf_tokenizer(const GgufMetadata& metadata);

// What of a model its tokenizer's keys depend on.
struct GgufTokenizerFacts {
  int64_t vocabulary = 0;  // rows of the embedding: tokens are filled up to it
  std::optional<int64_t> bos_id;
  std::vector<int64_t> eos_ids;
  int64_t token_types = 0;  // vectors of a text's number, which llama.cpp wants among these keys
};

// Adds the keys for the tokenizer of a model directory (tokenizer.json, else tokenizer.model; chat template).
// A tokenizer that would give other ids through GGUF is an Error with the reason.
void add_gguf_tokenizer(const std::filesystem::path& model_directory, const GgufTokenizerFacts& facts,
                        GgufMetadata& metadata);

}  // namespace coppice
