#pragma once
// Byte-pair encoding (Sennrich et al. 2016) with the options of Hugging Face tokenizers' BPE.

#include <optional>
#include <string>
#include <utility>

#include "base/fields.h"
#include "text/subword/byte_tokens.h"
#include "text/subword/merge_symbols.h"
#include "text/subword/subword_model.h"
#include "text/subword/word_cache.h"

namespace coppice {

struct BpeOptions {
  std::optional<double> dropout;
  std::optional<std::string> unk_token, continuing_subword_prefix, end_of_word_suffix;
  bool fuse_unk = false, byte_fallback = false, ignore_merges = false;

  static void fields(auto& self, auto&& field) {
    field("dropout", self.dropout,
          Field{.help = "share of merges skipped while training; must be 0", .min = 0, .max = 0});
    field("unk_token", self.unk_token, Field{.help = "stands for characters that are not in the vocabulary"});
    field("continuing_subword_prefix", self.continuing_subword_prefix,
          Field{.help = "before every symbol but the first"});
    field("end_of_word_suffix", self.end_of_word_suffix, Field{.help = "behind the last symbol of a word"});
    field("fuse_unk", self.fuse_unk, Field{.help = "neighbouring unknown characters are one unk_token"});
    field("byte_fallback", self.byte_fallback,
          Field{.help = "unknown characters become their bytes' tokens <0xNN>"});
    field("ignore_merges", self.ignore_merges,
          Field{.help = "a whole word in the vocabulary is taken without merging"});
  }
};

class BpeModel : public SubwordModel {
 public:
  // Merges in order of rank. A merge of tokens that the vocabulary lacks, or whose result it lacks, is an
  // Error.
  BpeModel(BpeOptions options, Vocabulary vocabulary,
           const std::vector<std::pair<std::string, std::string>>& merges, const std::string& where);

  void encode(std::string_view word, std::vector<TokenId>& ids) const override;
  void encode_traced(std::string_view word, std::vector<SubwordToken>& tokens) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  void encode_new(std::string_view word, std::vector<TokenId>& ids) const;
  // With `ends`, tells where in the word each symbol ends.
  void first_symbols(std::string_view word, std::vector<TokenId>& symbols, std::vector<size_t>* ends) const;
  TokenId symbol(std::string_view word, size_t begin, size_t end) const;
  void set_merge(const std::string& left, const std::string& right, int32_t rank, const std::string& where);

  static constexpr char32_t quick_characters = 0x400;

  BpeOptions options_;
  Vocabulary vocabulary_;
  MergeTable merges_;
  std::string prefix_, suffix_;
  std::optional<TokenId> unknown_;
  std::vector<TokenId> quick_;  // ids of characters below quick_characters, -1 if none
  ByteTokens byte_tokens_;
  mutable WordCache cache_;
};

}  // namespace coppice
