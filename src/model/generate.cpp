#include "model/generate.h"

#include <algorithm>
#include <chrono>

#include "model/cross_attention.h"
#include "model/kv_cache.h"

namespace coppice {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool contains(const auto& ids, int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

void check_prompt(const Decoder& decoder, std::span<const int32_t> prompt) {
  require_generator(decoder.spec(), "generation");
  if (prompt.empty())
    throw Error({.where = "prompt",
                 .found = "no tokens",
                 .advice = "give some text: this model has no token that begins one"});
  const int64_t context = decoder.spec().context;
  if (static_cast<int64_t>(prompt.size()) > context)
    throw Error({.where = "prompt",
                 .found = fmt::format("{} tokens", prompt.size()),
                 .expected = fmt::format("at most the model's context of {}", context),
                 .advice = "shorten the prompt"});
}

// What the output of an encoder-decoder begins behind.
int32_t start_token(const ModelSpec& spec) {
  const auto start = spec.decoder_start_id ? spec.decoder_start_id : spec.bos_id;
  if (!start)
    throw Error({.where = "model",
                 .found = "no decoder_start_token_id",
                 .expected = "one: the output of an encoder-decoder begins behind it"});
  return static_cast<int32_t>(*start);
}

}  // namespace

Generation generate(Decoder& decoder, std::span<const int32_t> prompt, const GenerateOptions& options,
                    const TokenSink& sink, const TraceSink& trace) {
  check_prompt(decoder, prompt);
  const ModelSpec& spec = decoder.spec();
  const auto cache = decoder.new_cache();
  Sampler sampler(options.sampler);
  Generation result;
  auto start = Clock::now();
  std::vector<int32_t> history(prompt.begin(), prompt.end());
  std::shared_ptr<const EncodedSource> source;
  if (spec.encoder) {
    history = {start_token(spec)};
    source = decoder.encode({&prompt, 1}, trace).front();
  }
  const std::vector<int32_t> first = history;
  std::span<const int32_t> next = first;
  int64_t passes = 0;
  while (static_cast<int64_t>(result.ids.size()) < options.tokens) {
    if (cache->length() + static_cast<int64_t>(next.size()) > spec.context) {
      result.stopped = StopReason::context;
      break;
    }
    const Decoder::Input input{.tokens = next, .cache = cache.get(), .source = source.get()};
    const auto logits = decoder.forward({&input, 1}, trace);
    if (passes++ == 0) {
      result.prompt_seconds = seconds_since(start);
      start = Clock::now();
    }
    const int32_t id = sampler.sample(logits, history);
    if (options.stop_at_eos && (contains(spec.eos_ids, id) || contains(options.stop_ids, id))) {
      result.stopped = StopReason::eos;
      break;
    }
    result.ids.push_back(id);
    history.push_back(id);
    next = std::span(history).last(1);
    if (sink && !sink(id)) break;
  }
  result.decode_seconds = seconds_since(start);
  if (passes > 1 && result.decode_seconds > 0)
    result.tokens_per_second = static_cast<double>(passes - 1) / result.decode_seconds;
  return result;
}

}  // namespace coppice
