#pragma once
// Tokenizers of model directories without a tokenizer.json: vocab.json and merges.txt (GPT-2's form), vocab.txt
// (BERT's). tokenizer_config.json names the class, which says what is around the vocabulary.

#include <filesystem>
#include <memory>

#include "base/json.h"
#include "text/added_tokens.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace coppice {

std::unique_ptr<Tokenizer> read_byte_level_directory(const std::filesystem::path& model_directory);
std::unique_ptr<Tokenizer> read_word_piece_directory(const std::filesystem::path& model_directory);

// What vocab.txt and tokenizer_config.json say.
struct WordPieceFiles {
  std::vector<Vocabulary::Entry> vocabulary;
  Json normalizer;  // as in a tokenizer.json
  std::string unknown;
  std::vector<AddedToken> added_tokens;
  TokenId cls = 0, sep = 0;
};
WordPieceFiles read_word_piece_files(const std::filesystem::path& model_directory);

// The parts of BERT's tokenizer: a template of [CLS] A [SEP] and [CLS] A [SEP] B [SEP].
std::unique_ptr<Tokenizer> make_word_piece_tokenizer(WordPieceFiles files, const std::string& where);

}  // namespace coppice
