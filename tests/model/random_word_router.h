#pragma once
// Routers by words that are drawn at random, and what their blocks mean, by the plainest loop.

#include <vector>

#include "base/rng.h"
#include "model/spec.h"

namespace coppice::test {

// The expert of every routing id: ids dealt out one by one.
inline std::vector<int32_t> naive_experts(const std::vector<WordBlock>& blocks) {
  std::vector<int32_t> experts;
  int32_t first = 0;
  for (const auto& block : blocks) {
    int32_t next = 0;
    for (int64_t word = 0; word < block.words; ++word) {
      experts.push_back(first + next);
      next = next + 1 == block.experts ? 0 : next + 1;
    }
    first += static_cast<int32_t>(block.experts);
  }
  return experts;
}

// A router by words for the experts that a mixture has, in random blocks, and no more ids than `entries`.
inline void draw_word_router(MoeSpec& moe, int64_t entries, Rng& rng) {
  moe.top_k = 1;
  moe.router = {.source = RouterSource::word,
                .score = RouterScore::none,
                .weight = ExpertWeight::one,
                .word_blocks = {{1, 1}}};
  int64_t experts = moe.experts() - 1, words = entries - 1;
  while (experts > 0) {
    WordBlock block{1, 1 + static_cast<int64_t>(rng.below(static_cast<uint64_t>(experts)))};
    experts -= block.experts;
    const int64_t spare = words - block.experts - experts;  // what is left when each expert has a word
    block.words = experts == 0
                      ? words
                      : block.experts + static_cast<int64_t>(rng.below(static_cast<uint64_t>(spare + 1)));
    words -= block.words;
    moe.router.word_blocks.push_back(block);
  }
}

}  // namespace coppice::test
