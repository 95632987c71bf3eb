#pragma once
// What the keys of a tokenizer in a GGUF file say, however a model directory stores it.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/subword/scored_piece.h"
#include "text/tokenizer_json.h"

namespace coppice {

struct TokenTable {
  std::string model = "llama", pre = "default";  // tokenizer.ggml.model: llama, gpt2, bert or t5
  std::vector<ScoredPiece> pieces;               // by id; an id without a token has no text
  std::vector<std::string> merges;               // gpt2
  bool space_prefix = true;                      // llama, t5
  bool remove_extra_spaces = true;               // t5
  std::string charsmap;                          // t5: a map of characters as SentencePiece stores it
  bool lower_case = true, strip_accents = true;  // bert
  std::vector<std::pair<std::string, TokenId>> special_ids;  // further ones, by key

  bool has_scores() const { return model == "llama" || model == "t5"; }
};

// A tokenizer that GGUF has no name for.
Error no_gguf_name(const std::string& where, const std::string& found, const std::string& expected);

// The pieces of a tokenizer.json with a vocabulary of ids, and its added tokens; `bytes`: tokens <0xNN> are bytes.
std::vector<ScoredPiece> pieces_of(const TokenizerJson& document, bool bytes, const std::string& where);

// BERT's: the tokens of a word's beginning are spelled with ▁, others without a mark.
TokenTable table_of_word_piece(const TokenizerJson& document, const std::string& where);
TokenTable table_of_vocabulary_file(const std::filesystem::path& model_directory);  // vocab.txt

TokenTable table_of_unigram(const TokenizerJson& document, const std::string& where);

}  // namespace coppice
