#pragma once
// Makes a routing vocabulary of text: its words as a tokenizer cuts them, by Unicode's word boundaries and with
// the space in front, what is between words token by token, and names of several words.
//
// A word gives all sequences of tokens that it begins with, since a model that sees no later tokens knows no more of it.
// Words a b stand together as a name where they do so more often than by chance (Mikolov et al. 2013, eq. 6):
// (count(ab) - d) / (count(a) count(b)) * words > 100, d being the least count; longer names grow word by word.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/routing_vocabulary.h"
#include "text/tokenizer.h"

namespace coppice {

// A text as tokens, and which of them make up each word; what is no word is a part of its own.
struct WordsOfText {
  struct Part {
    size_t begin = 0, end = 0;  // tokens
    bool word = false;
  };
  std::vector<TokenId> ids;
  std::vector<Part> parts;
};

WordsOfText words_of(std::string_view text, const Tokenizer& tokenizer);

struct RoutingTraining {
  int64_t entries = 4096;   // at most, the unknown one included
  int64_t longest = 8;      // tokens of an entry
  int64_t name_words = 3;   // words of an entry
  int64_t least_count = 5;  // what occurs less often is no entry
};

// The entries by routing id: the unknown one, which is empty, then the most frequent first; of equally frequent ones that
// with the smaller ids. Text in which nothing occurs often enough is an Error.
std::vector<std::vector<TokenId>> train_routing_vocabulary(std::span<const WordsOfText> texts,
                                                           const RoutingTraining& training);

// How many tokens have each routing id, in a model that sees no later tokens or one that sees whole texts.
std::vector<int64_t> count_routing_ids(const RoutingVocabulary& vocabulary,
                                       std::span<const WordsOfText> texts, bool causal);

}  // namespace coppice
