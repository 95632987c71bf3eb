#pragma once
// Tokens that are recognised inside a text before everything else: special ones (<s>, <|im_start|> …) and
// others that were added to a vocabulary after its training.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/fields.h"
#include "text/regex.h"
#include "text/vocabulary.h"

namespace coppice {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;

  static void fields(auto& self, auto&& field) {
    field(
        "id", self.id,
        Field{.help = "its id", .min = 0, .max = static_cast<double>(max_vocabulary - 1), .required = true});
    field("content", self.content, Field{.help = "its spelling", .required = true});
    field("single_word", self.single_word, Field{.help = "not inside a longer word"});
    field("lstrip", self.lstrip, Field{.help = "takes the white space before it"});
    field("rstrip", self.rstrip, Field{.help = "takes the white space behind it"});
    field("normalized", self.normalized, Field{.help = "looked for after normalization"});
    field("special", self.special, Field{.help = "left out when decoding"});
  }
};

// A part of a text: an added token, or what lies between.
struct TextPart {
  TextRange range;
  TokenId token = -1;  // -1: text
};

// Finds tokens in a text: at each place the longest, from left to right.
class TokenFinder {
 public:
  void add(const AddedToken& token, std::string_view spelling);
  std::vector<TextPart> cut(std::string_view text) const;

 private:
  // Index of the longest token at text[at] and its end; -1 if none.
  int32_t longest_at(std::string_view text, size_t at, size_t& end) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<uint64_t, uint32_t> children_;  // node << 8 | byte -> node; 0 is the root
  std::vector<int32_t> ends_{-1};                    // node -> index of the token that ends there
  bool starts_[256] = {};
};

// All added tokens of a tokenizer.
class AddedTokens {
 public:
  // `normalize` is applied to the spellings of normalized tokens, as it will be to texts.
  AddedTokens(std::vector<AddedToken> tokens, const Vocabulary& vocabulary,
              const std::function<std::string(std::string_view)>& normalize, const std::string& where);

  const TokenFinder& raw() const { return raw_; }                // for the text as it is
  const TokenFinder& normalized() const { return normalized_; }  // for the text after normalization
  const AddedToken* find(TokenId id) const;
  const AddedToken* find(std::string_view content) const;
  TokenId end() const { return end_; }  // highest id + 1, 0 without tokens

 private:
  std::unordered_map<TokenId, AddedToken> by_id_;
  std::unordered_map<std::string, TokenId> by_content_;
  TokenFinder raw_, normalized_;
  TokenId end_ = 0;
};

}  // namespace coppice
