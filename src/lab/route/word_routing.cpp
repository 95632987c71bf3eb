#include "lab/route/word_routing.h"

#include <algorithm>

#include "model/word_experts.h"

namespace coppice::lab {

std::vector<TokenId> fit_word_routers(ModelSpec& spec, std::span<const WordsOfText> texts,
                                      const RoutingTraining& training) {
  const auto entries = train_routing_vocabulary(texts, training);
  int64_t longest = 1;
  for (const auto& entry : entries) longest = std::max(longest, static_cast<int64_t>(entry.size()));
  const auto count = static_cast<int64_t>(entries.size());
  spec.routing_vocabulary = {.entries = count, .longest = longest};
  const auto table = routing_table(entries, count, longest);
  const RoutingVocabulary vocabulary(table, longest, spec.vocabulary, "routing vocabulary");
  const auto plan = [&](std::vector<BlockSpec>& blocks, bool causal) {
    const auto tokens_of_id = count_routing_ids(vocabulary, texts, causal);
    for (auto& block : blocks)
      if (MoeSpec* moe = moe_of(block); moe != nullptr && moe->router.source == RouterSource::word)
        moe->router.word_blocks = plan_word_blocks(tokens_of_id, moe->experts(),
                                                   static_cast<int64_t>(moe->router.word_blocks.size()) - 1);
  };
  if (spec.encoder) plan(spec.encoder->blocks, false);
  plan(spec.blocks, is_causal(spec));
  return table;
}

}  // namespace coppice::lab
