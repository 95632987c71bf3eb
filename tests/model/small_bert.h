#pragma once
// A small BERT with a pooler and without a head: what several tests make model directories of.

#include "model/spec.h"

namespace coppice::test {

inline ModelSpec small_bert_spec(int64_t vocabulary, int64_t context, size_t blocks) {
  ModelSpec spec = {.family = "bert",
                    .vocabulary = vocabulary,
                    .width = 12,
                    .context = context,
                    .learned_positions = true,
                    .token_types = 2,
                    .embedding_norm = true,
                    .final_norm = false,
                    .head = HeadKind::none,
                    .pooler = true,
                    .norm = NormKind::layer};
  const AttentionSpec attention{.heads = 2,
                                .kv_heads = 2,
                                .head_dim = 6,
                                .qkv_bias = true,
                                .output_bias = true,
                                .rope = {.fraction = 0},
                                .causal = false};
  const DenseFfnSpec ffn{.width = 8, .gated = false, .bias = true, .activation = Activation::gelu};
  spec.blocks.assign(blocks, {attention, ffn, NormPlacement::post_sum});
  return spec;
}

}  // namespace coppice::test
