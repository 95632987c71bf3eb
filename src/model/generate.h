#pragma once
// Generation: prompt in, tokens out one by one.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "model/decoder.h"
#include "model/drafter.h"
#include "model/sampler.h"

namespace coppice {

struct GenerateOptions {
  int64_t tokens = 64;  // at most so many new tokens
  bool stop_at_eos = true;
  std::vector<int32_t> stop_ids =
      {};  // tokens that end like the model's own end-of-sequence tokens, if those do
  SamplerOptions sampler = {};
  std::shared_ptr<Drafter> drafter =
      nullptr;  // guesses tokens, at most draft_tokens for each pass; of this text alone
  int64_t draft_tokens = 4;
};

enum class StopReason { tokens, eos, context, sink };

template <>
struct EnumNames<StopReason> {
  static constexpr auto values =
      std::to_array<std::pair<StopReason, const char*>>({{StopReason::tokens, "tokens"},
                                                         {StopReason::eos, "eos"},
                                                         {StopReason::context, "context"},
                                                         {StopReason::sink, "sink"}});
};

struct Generation {
  std::vector<int32_t> ids;  // the new ones; an end-of-sequence token is not among them
  StopReason stopped = StopReason::tokens;
  double prompt_seconds = 0, decode_seconds = 0;
  // Speed of the new tokens after the first, which the prompt's pass gives; 0 if there is none.
  double tokens_per_second = 0;
  int64_t passes = 0;                 // of the model, those of the prompt included
  int64_t drafted = 0, accepted = 0;  // guesses checked, and those that stayed
  int64_t prompt_reused = 0;          // tokens of the prompt that were computed for another sequence
};

// Called for each new token as it comes; false ends the generation.
using TokenSink = std::function<bool(int32_t id)>;

// Continues `prompt`; an encoder-decoder answers it: the prompt goes to its encoder, and the output begins behind its
// start token. An empty prompt, or one longer than the context, is an Error. For many at once: BatchGenerator.
Generation generate(Decoder& decoder, std::span<const int32_t> prompt, const GenerateOptions& options,
                    const TokenSink& sink = {}, const TraceSink& trace = {});

}  // namespace coppice
