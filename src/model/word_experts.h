#pragma once
// Which expert a routing id belongs to (RouterSource::word): ids lie in blocks, and those of a block are dealt out to its
// experts in turn. Frequent ids are few, so that a block of them has few to an expert; and blocks are cut so that each
// has about the same share of the tokens.

#include <cstdint>
#include <span>
#include <vector>

#include "model/spec.h"

namespace coppice {

class WordExperts {
 public:
  explicit WordExperts(const std::vector<WordBlock>& blocks);

  // An id that no block has belongs to expert 0, the unknown one's.
  int32_t expert(int64_t id) const;

 private:
  struct Block {
    int64_t first_id, first_expert, experts;
  };
  std::vector<Block> blocks_;
  int64_t ids_ = 0;
};

// Blocks for `experts` experts, of which the first is for id 0 alone, by how many tokens have each id: at most `blocks`
// further blocks, with about equally many tokens each. The other experts are spread over them evenly, but no block has more
// experts than ids; more experts than ids are an Error.
std::vector<WordBlock> plan_word_blocks(std::span<const int64_t> tokens_of_id, int64_t experts,
                                        int64_t blocks);

}  // namespace coppice
