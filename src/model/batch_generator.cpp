#include "model/batch_generator.h"

#include <algorithm>
#include <chrono>

#include <unistd.h>

#include "base/parallel.h"
#include "base/progress.h"
#include "model/cross_attention.h"

namespace coppice {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool contains(const auto& ids, int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

void check_prompt(const ModelSpec& spec, std::span<const int32_t> prompt) {
  require_generator(spec, "generation");
  if (prompt.empty())
    throw Error({.where = "prompt",
                 .found = "no tokens",
                 .advice = "give some text: this model has no token that begins one"});
  if (static_cast<int64_t>(prompt.size()) > spec.context)
    throw Error({.where = "prompt",
                 .found = fmt::format("{} tokens", prompt.size()),
                 .expected = fmt::format("at most the model's context of {}", spec.context),
                 .advice = "shorten the prompt"});
  for (const int32_t token : prompt)
    if (token < 0 || token >= spec.vocabulary)
      throw Error({.where = "prompt",
                   .found = fmt::format("token id {}", token),
                   .expected = fmt::format("0 to {}", spec.vocabulary - 1)});
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

int64_t machine_bytes() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

}  // namespace

struct BatchGenerator::Sequence {
  Sequence(int64_t request_number, BatchRequest batch_request)
      : number(request_number), request(std::move(batch_request)), sampler(request.options.sampler) {}

  int64_t number;
  BatchRequest request;
  Sampler sampler;
  std::vector<int32_t> history;  // what the decoder has read or is to read: prompt and new tokens
  std::shared_ptr<KvCache> cache;
  std::shared_ptr<const EncodedSource> source;
  Generation result;
  Clock::time_point begun, first_token;
  int64_t sampled = 0;  // draws, of which the last may have been an end
  bool cancelled = false, ended = false;

  // Of this step.
  std::vector<int32_t> tokens;  // what is fed: the next of history, then guesses
  Draft draft;
  bool gives_logits = false;
  std::vector<Distribution> chances;  // behind history, and behind each guess
  std::exception_ptr failure;

  int64_t unread() const { return static_cast<int64_t>(history.size()) - cache->length(); }
};

BatchGenerator::BatchGenerator(Decoder& decoder, const BatchOptions& options)
    : decoder_(decoder), options_(options), pool_(std::make_shared<PagePool>(options.cache_bytes)) {}
BatchGenerator::~BatchGenerator() = default;

int64_t BatchGenerator::running() const {
  return static_cast<int64_t>(running_.size());
}

KvOptions BatchGenerator::cache_options(const Sequence& sequence) const {
  KvOptions options = decoder_.kv_options();
  options.pool = pool_;
  if (sequence.request.options.drafter) options.rollback = sequence.request.options.draft_tokens;
  return options;
}

int64_t BatchGenerator::submit(BatchRequest request) {
  const ModelSpec& spec = decoder_.spec();
  check_prompt(spec, request.prompt);
  auto sequence = std::make_unique<Sequence>(next_request_, std::move(request));
  const BatchRequest& own = sequence->request;
  sequence->history = spec.encoder ? std::vector<int32_t>{start_token(spec)} : own.prompt;
  const auto given = static_cast<int64_t>(sequence->history.size());
  const int64_t longest = std::min(spec.context, given + own.options.tokens);
  const int64_t bytes = KvCache(spec, cache_options(*sequence)).most_bytes(longest, options_.prompt_chunk);
  const int64_t available = options_.cache_bytes > 0 ? options_.cache_bytes : machine_bytes();
  if (bytes > available)
    throw Error({.where = "context",
                 .found = fmt::format("{} tokens, whose cache takes {}", longest,
                                      human_bytes(static_cast<double>(bytes))),
                 .expected = fmt::format("at most {}", human_bytes(static_cast<double>(available))),
                 .advice = "ask for fewer tokens, or for a smaller type of the cache (--kv-type)"},
                Fault::resource);
  waiting_.push_back(std::move(sequence));
  return next_request_++;
}

void BatchGenerator::cancel(int64_t request) {
  for (auto* sequences : {&waiting_, &running_})
    for (auto& sequence : *sequences)
      if (sequence->number == request) sequence->cancelled = true;
}

void BatchGenerator::admit() {
  for (auto& sequence : waiting_)
    if (sequence->cancelled) finish(*sequence, StopReason::sink);
  waiting_.remove_if([](const auto& sequence) { return sequence->ended; });
  while (!waiting_.empty() && running() < options_.most_sequences) {
    Sequence& next = *waiting_.front();
    if (next.request.options.tokens <= static_cast<int64_t>(next.result.ids.size())) {
      finish(next, StopReason::tokens);
      waiting_.pop_front();
      continue;
    }
    if (!next.cache) start(next);
    // Room for the whole text so far and some more, so that it is not sent back at once.
    const auto room = [&] {
      const int64_t count = next.unread() + kernels::block_positions;
      return pool_->most() == 0 || pool_->lent() + next.cache->bytes_to_grow(count) <= pool_->most();
    };
    while (!room() && !prefixes_.empty()) prefixes_.pop_front();
    if (!room() && !running_.empty()) {
      next.cache = nullptr;  // a shared prefix may be gone when it is its turn
      return;
    }
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

void BatchGenerator::start(Sequence& sequence) {
  if (sequence.result.ids.empty()) sequence.begun = Clock::now();
  sequence.cache = decoder_.new_cache(cache_options(sequence));
  reuse_prefix(sequence);
}

// Begins with the pages of another sequence that read the same tokens.
void BatchGenerator::reuse_prefix(Sequence& sequence) {
  if (decoder_.spec().encoder || options_.kept_prefixes == 0) return;
  const KvCache* best = nullptr;
  int64_t longest = 0;
  const auto offer = [&](std::span<const int32_t> tokens, const KvCache& cache) {
    // The last token is read again: its logits are wanted.
    const int64_t most = std::min({cache.length(), static_cast<int64_t>(tokens.size()),
                                   static_cast<int64_t>(sequence.history.size()) - 1});
    const auto end = tokens.begin() + most;
    const int64_t common =
        std::mismatch(tokens.begin(), end, sequence.history.begin()).first - tokens.begin();
    if (common <= longest || cache.least_length() > common) return;
    longest = common;
    best = &cache;
  };
  for (const auto& other : running_) offer(other->history, *other->cache);
  for (const auto& prefix : prefixes_) offer(prefix.tokens, *prefix.cache);
  if (best == nullptr) return;
  sequence.cache = std::make_shared<KvCache>(*best);
  sequence.cache->truncate(longest);
  sequence.result.prompt_reused = longest;
}

// What each sequence feeds: those that continue one token and their guesses, prompts a chunk.
void BatchGenerator::plan() {
  const int64_t context = decoder_.spec().context;
  int64_t chunk = options_.prompt_chunk;
  for (auto& running : running_) {
    Sequence& sequence = *running;
    sequence.tokens.clear();
    sequence.draft = {};
    sequence.gives_logits = false;
    if (sequence.cancelled) {
      finish(sequence, StopReason::sink);
      continue;
    }
    if (static_cast<int64_t>(sequence.history.size()) > context) {
      finish(sequence, StopReason::context);
      continue;
    }
    const bool continues = sequence.unread() == 1;
    const int64_t count = continues ? 1 : std::min(sequence.unread(), chunk);
    if (!continues) chunk -= count;
    if (count == 0) continue;
    const auto next = sequence.history.begin() + sequence.cache->length();
    sequence.tokens.assign(next, next + count);
    sequence.gives_logits = count == sequence.unread();
    const GenerateOptions& options = sequence.request.options;
    if (!options.drafter || !continues) continue;
    const auto length = static_cast<int64_t>(sequence.history.size());
    const int64_t left = options.tokens - static_cast<int64_t>(sequence.result.ids.size()) - 1;
    const int64_t most = std::min({options.draft_tokens, left, context - length});
    if (most > 0) sequence.draft = options.drafter->propose(sequence.history, most);
    sequence.tokens.insert(sequence.tokens.end(), sequence.draft.ids.begin(), sequence.draft.ids.end());
  }
  running_.remove_if([](const auto& sequence) { return sequence->ended; });
}

// Until all that is planned fits into the pool: drops kept prefixes, then sends the youngest back.
void BatchGenerator::make_room() {
  const auto fits = [this] {
    int64_t bytes = pool_->lent();
    for (const auto& sequence : running_)
      if (!sequence->tokens.empty())
        bytes += sequence->cache->bytes_to_grow(static_cast<int64_t>(sequence->tokens.size()));
    return pool_->most() == 0 || bytes <= pool_->most();
  };
  while (!fits() && !prefixes_.empty()) prefixes_.pop_front();
  while (!fits() && running() > 1) {
    auto youngest = std::move(running_.back());
    running_.pop_back();
    youngest->cache = nullptr;
    ++preemptions_;
    waiting_.push_front(std::move(youngest));
  }
}

bool BatchGenerator::step(const TraceSink& trace) {
  admit();
  plan();
  make_room();
  if (running_.empty()) return !waiting_.empty();

  std::vector<Sequence*> fed;
  std::vector<Decoder::Input> inputs;
  for (auto& sequence : running_) {
    if (sequence->tokens.empty()) continue;
    if (decoder_.spec().encoder && !sequence->source) {
      const std::span<const int32_t> prompt = sequence->request.prompt;
      sequence->source = decoder_.encode({&prompt, 1}, trace).front();
    }
    fed.push_back(sequence.get());
    inputs.push_back({.tokens = sequence->tokens,
                      .cache = sequence->cache.get(),
                      .all_logits = !sequence->draft.ids.empty(),
                      .no_logits = !sequence->gives_logits,
                      .source = sequence->source.get()});
  }
  const std::vector<float> logits = decoder_.forward(inputs, trace);
  std::vector<std::span<const float>> rows;
  size_t begin = 0;
  for (const Sequence* sequence : fed) {
    const size_t wanted = sequence->gives_logits ? 1 + sequence->draft.ids.size() : 0;
    const size_t count = wanted * static_cast<size_t>(decoder_.spec().vocabulary);
    rows.push_back(std::span(logits).subspan(begin, count));
    begin += count;
  }
  rank(fed, rows);
  for (Sequence* sequence : fed) take_tokens(*sequence);
  running_.remove_if([](const auto& sequence) { return sequence->ended; });
  return true;
}

// The distributions that the logits of all sequences leave, on all threads: a vocabulary is long.
void BatchGenerator::rank(std::span<Sequence* const> fed,
                          std::span<const std::span<const float>> rows) const {
  const auto vocabulary = static_cast<size_t>(decoder_.spec().vocabulary);
  parallel_for(static_cast<int64_t>(fed.size()), 1, [&](int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      Sequence& sequence = *fed[static_cast<size_t>(i)];
      sequence.chances.clear();
      sequence.failure = nullptr;
      if (!sequence.gives_logits) continue;
      std::vector<int32_t> text = sequence.history;
      try {
        for (size_t row = 0; row <= sequence.draft.ids.size(); ++row) {
          if (row > 0) text.push_back(sequence.draft.ids[row - 1]);
          const auto logits = rows[static_cast<size_t>(i)].subspan(row * vocabulary, vocabulary);
          sequence.chances.push_back(sequence.sampler.distribution(logits, text));
        }
      } catch (...) {
        sequence.failure = std::current_exception();
      }
    }
  });
}

// What the model says behind the text, and behind each guess that it agrees with.
void BatchGenerator::take_tokens(Sequence& sequence) {
  ++sequence.result.passes;
  if (sequence.failure) return finish(sequence, StopReason::tokens, sequence.failure);
  if (!sequence.gives_logits) return;
  if (sequence.sampled == 0) {
    sequence.result.prompt_seconds = seconds_since(sequence.begun);
    sequence.first_token = Clock::now();
  }
  const GenerateOptions& options = sequence.request.options;
  const auto known = static_cast<int64_t>(sequence.history.size());
  const Draft& draft = sequence.draft;
  sequence.result.drafted += static_cast<int64_t>(draft.ids.size());
  for (size_t i = 0; i < sequence.chances.size(); ++i) {
    const bool guessed = i < draft.ids.size();
    const int32_t id = guessed
                           ? sequence.sampler.draw(sequence.chances[i], draft.ids[i], draft.distributions[i])
                           : sequence.sampler.draw(sequence.chances[i]);
    const bool agreed = guessed && id == draft.ids[i];
    ++sequence.sampled;
    sequence.result.accepted += agreed ? 1 : 0;
    if (options.stop_at_eos && (contains(decoder_.spec().eos_ids, id) || contains(options.stop_ids, id)))
      return finish(sequence, StopReason::eos);
    sequence.result.ids.push_back(id);
    sequence.history.push_back(id);
    try {
      if (sequence.request.sink && !sequence.request.sink(id)) return finish(sequence, StopReason::sink);
    } catch (...) {
      return finish(sequence, StopReason::sink, std::current_exception());
    }
    if (static_cast<int64_t>(sequence.result.ids.size()) >= options.tokens)
      return finish(sequence, StopReason::tokens);
    if (!agreed) break;
  }
  // Guesses that were not taken are forgotten.
  const int64_t read = static_cast<int64_t>(sequence.history.size()) - 1;
  COPPICE_CHECK(read >= known, "the model has read all but the last token");
  if (sequence.cache->length() > read) sequence.cache->truncate(read);
}

void BatchGenerator::finish(Sequence& sequence, StopReason reason, const std::exception_ptr& failure) {
  Generation& result = sequence.result;
  result.stopped = reason;
  if (sequence.sampled > 0) result.decode_seconds = seconds_since(sequence.first_token);
  if (sequence.sampled > 1 && result.decode_seconds > 0)
    result.tokens_per_second = static_cast<double>(sequence.sampled - 1) / result.decode_seconds;
  sequence.ended = true;
  if (!failure && sequence.cache) keep_prefix(sequence);
  sequence.cache = nullptr;
  if (sequence.request.done) sequence.request.done(result, failure);
}

void BatchGenerator::keep_prefix(Sequence& sequence) {
  if (options_.kept_prefixes == 0 || decoder_.spec().encoder) return;
  auto& tokens = sequence.history;
  const auto read = static_cast<size_t>(sequence.cache->length());
  if (read == 0 || read > tokens.size()) return;  // guesses that were not taken are among them
  tokens.resize(read);
  prefixes_.push_back({std::move(tokens), sequence.cache});
  if (static_cast<int64_t>(prefixes_.size()) > options_.kept_prefixes) prefixes_.pop_front();
}

}  // namespace coppice
