#pragma once
// Tokenizers of model directories without a tokenizer.json: vocab.json and merges.txt (GPT-2's form), vocab.txt
// (BERT's). tokenizer_config.json names the class, which says what is around the vocabulary.

#include <filesystem>
#include <memory>

#include "text/tokenizer.h"

namespace coppice {

std::unique_ptr<Tokenizer> read_byte_level_directory(const std::filesystem::path& model_directory);
std::unique_ptr<Tokenizer> read_word_piece_directory(const std::filesystem::path& model_directory);

}  // namespace coppice
