#pragma once
// Trains byte-level BPE tokenizers: GPT-2's words (gpt2_words.h) in its byte alphabet, merged by frequency.
// Sennrich, Haddow and Birch 2016, "Neural Machine Translation of Rare Words with Subword Units".

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace coppice {

struct BpeTraining {
  int64_t vocabulary = 4096;  // tokens in all: special ones, the 256 bytes, merges
  int64_t min_frequency = 2;  // a pair that occurs less often is not merged
  std::vector<std::string> special_tokens = {"<unk>", "<s>", "</s>"};
  bool add_bos = true;  // the tokenizer puts <s> before every text; needs <s> among the special tokens
};

struct TrainedBpe {
  std::vector<std::string> tokens;  // spelling of each id: special tokens, bytes, merges
  std::vector<std::pair<std::string, std::string>> merges;  // in order
  int64_t bytes = 0, words = 0, distinct_words = 0;         // of the training text
  int64_t special_count = 0;
};

// Reads the files one after the other (no word spans two files). Of equally frequent pairs the one with the
// smaller ids comes first, so that the result depends on the text alone. Fewer merges than asked for are made
// when no pair is frequent enough. No text at all is an Error.
TrainedBpe train_bpe(const std::vector<std::filesystem::path>& files, const BpeTraining& training);

// Writes tokenizer.json and tokenizer_config.json, as Hugging Face tokenizers read them, into `directory`.
void write_tokenizer(const TrainedBpe& trained, const BpeTraining& training,
                     const std::filesystem::path& directory);

}  // namespace coppice
