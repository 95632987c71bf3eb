#pragma once
// How fast models decode, measured so that a machine whose speed drifts treats them alike.

#include <span>
#include <vector>

#include "model/decoder.h"

namespace coppice {

struct DecodeSpeedOptions {
  int64_t tokens = 64;  // generated per round, one at a time; fewer if the context is shorter
  int64_t rounds = 5;
};

// Median tokens per second of each model over rounds in which the models take turns. Every model is fed the same
// token ids, cut to the shortest context; one unmeasured round comes first.
std::vector<double> decode_tokens_per_second(std::span<Decoder* const> models,
                                             const DecodeSpeedOptions& options = {});

}  // namespace coppice
