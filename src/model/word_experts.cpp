#include "model/word_experts.h"

#include <algorithm>
#include <numeric>

namespace coppice {

WordExperts::WordExperts(const std::vector<WordBlock>& blocks) {
  int64_t experts = 0;
  for (const auto& block : blocks) {
    blocks_.push_back({ids_, experts, block.experts});
    ids_ += block.words;
    experts += block.experts;
  }
}

int32_t WordExperts::expert(int64_t id) const {
  if (id < 0 || id >= ids_) return 0;
  const auto next =
      std::upper_bound(blocks_.begin(), blocks_.end(), id,
                       [](int64_t wanted, const Block& block) { return wanted < block.first_id; });
  const Block& block = *(next - 1);
  return static_cast<int32_t>(block.first_expert + (id - block.first_id) % block.experts);
}

std::vector<WordBlock> plan_word_blocks(std::span<const int64_t> tokens_of_id, int64_t experts,
                                        int64_t blocks) {
  const auto words = static_cast<int64_t>(tokens_of_id.size()) - 1;
  int64_t left = experts - 1;
  if (words < 0 || left > words || left < std::min<int64_t>(1, words))
    throw Error(
        {.where = "experts",
         .found = fmt::format("{}", experts),
         .expected = fmt::format("{} to {}: one for what is unknown, and at most one for each of {} words",
                                 std::min<int64_t>(2, words + 1), words + 1, words)},
        Fault::usage);
  std::vector<WordBlock> plan = {{1, 1}};
  blocks = std::clamp<int64_t>(blocks, 1, left);
  if (left == 0) return plan;
  // Cut where the running sum passes the block's share, with a word at least for each block to come.
  const auto known = tokens_of_id.subspan(1);
  const auto total = static_cast<double>(std::accumulate(known.begin(), known.end(), int64_t{0}));
  double sum = 0;
  int64_t begin = 0;
  for (int64_t block = 1; block <= blocks; ++block) {
    int64_t end = begin;
    do sum += static_cast<double>(known[static_cast<size_t>(end++)]);
    while (end < words - (blocks - block) &&
           (block == blocks || sum * static_cast<double>(blocks) < total * static_cast<double>(block)));
    plan.push_back({end - begin, 1});
    --left;
    begin = end;
  }
  while (left > 0) {
    const auto open =
        std::ranges::count_if(plan, [](const auto& block) { return block.experts < block.words; });
    const int64_t share = std::max<int64_t>(1, left / open);
    for (auto& block : plan) {
      const int64_t more = std::min({share, left, block.words - block.experts});
      block.experts += more;
      left -= more;
    }
  }
  return plan;
}

}  // namespace coppice
