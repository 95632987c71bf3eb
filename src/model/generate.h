#pragma once
// Generation: prompt in, tokens out one by one.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/decoder.h"
#include "model/sampler.h"

namespace coppice {

struct GenerateOptions {
  int64_t tokens = 64;  // at most so many new tokens
  bool stop_at_eos = true;
  std::vector<int32_t> stop_ids;  // tokens that end like the model's own end-of-sequence tokens, if those do
  SamplerOptions sampler;
};

enum class StopReason { tokens, eos, context };

template <>
struct EnumNames<StopReason> {
  static constexpr auto values = std::to_array<std::pair<StopReason, const char*>>(
      {{StopReason::tokens, "tokens"}, {StopReason::eos, "eos"}, {StopReason::context, "context"}});
};

struct Generation {
  std::vector<int32_t> ids;  // the new ones; an end-of-sequence token is not among them
  StopReason stopped = StopReason::tokens;
  double prompt_seconds = 0, decode_seconds = 0;
  // Speed of the new tokens after the first, which the prompt's pass gives; 0 if there is none.
  double tokens_per_second = 0;
};

// Called for each new token as it comes; false ends the generation.
using TokenSink = std::function<bool(int32_t id)>;

// Continues `prompt`; an encoder-decoder answers it: the prompt goes to its encoder, and the output begins behind its
// start token. An empty prompt, or one longer than the context, is an Error.
Generation generate(Decoder& decoder, std::span<const int32_t> prompt, const GenerateOptions& options,
                    const TokenSink& sink = {}, const TraceSink& trace = {});

}  // namespace coppice
