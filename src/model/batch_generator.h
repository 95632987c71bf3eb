#pragma once
// Many generations at once (continuous batching, Yu et al. 2022): sequences join and leave between steps, each step is
// one pass over the next tokens of all of them, and long prompts go in chunk by chunk beside the others' single tokens.
//
// Every sequence gets the tokens that it would get alone: its logits do not depend on its company, and it has a sampler
// of its own. What does not fit into the cache's memory waits; when running sequences outgrow it, the youngest goes back
// to the queue and is computed again later, which changes nothing in its text.

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "model/generate.h"
#include "model/kv_cache.h"

namespace coppice {

struct BatchOptions {
  int64_t most_sequences = 8;  // that run together
  int64_t prompt_chunk = 512;  // tokens of prompts in one pass
  int64_t kept_prefixes = 8;   // caches of finished sequences that are kept for prompts that begin alike
  int64_t cache_bytes = 0;     // memory of all caches; 0: no limit but the machine's
};

struct BatchRequest {
  std::vector<int32_t> prompt;
  GenerateOptions options = {};
  TokenSink sink = {};
  // Called once at the end, with what went wrong if something did.
  std::function<void(const Generation&, const std::exception_ptr&)> done = {};
};

// One thread drives it: requests are submitted and cancelled between steps, or by the sinks.
class BatchGenerator {
 public:
  // Caches are made as the decoder's kv_options say, but for their pool.
  explicit BatchGenerator(Decoder& decoder, const BatchOptions& options = {});
  ~BatchGenerator();

  // Queues a request and gives its number. An empty prompt, one longer than the context, or one that could outgrow
  // all memory of the caches is an Error.
  int64_t submit(BatchRequest request);
  // Ends it at the next step; its `done` is called with what it has.
  void cancel(int64_t request);

  // One pass; false if there is nothing to do.
  bool step(const TraceSink& trace = {});

  int64_t running() const;
  int64_t waiting() const { return static_cast<int64_t>(waiting_.size()); }
  // Bytes that caches hold.
  int64_t cache_bytes() const { return pool_->lent(); }
  // How often a sequence had to go back to the queue.
  int64_t preemptions() const { return preemptions_; }

 private:
  struct Sequence;
  struct Prefix {
    std::vector<int32_t> tokens;
    std::shared_ptr<KvCache> cache;
  };
  using Sequences = std::list<std::unique_ptr<Sequence>>;

  void admit();
  void start(Sequence& sequence);
  void reuse_prefix(Sequence& sequence);
  void plan();
  void make_room();
  void rank(std::span<Sequence* const> fed, std::span<const std::span<const float>> rows) const;
  void take_tokens(Sequence& sequence);
  void finish(Sequence& sequence, StopReason reason, const std::exception_ptr& failure = nullptr);
  void keep_prefix(Sequence& sequence);
  KvOptions cache_options(const Sequence& sequence) const;

  Decoder& decoder_;
  BatchOptions options_;
  std::shared_ptr<PagePool> pool_;
  Sequences waiting_, running_;  // running_: the oldest first
  std::deque<Prefix> prefixes_;  // the last used last
  int64_t next_request_ = 0, preemptions_ = 0;
};

// Submits a request and steps until it is done; what went wrong is thrown.
Generation generate(BatchGenerator& generator, BatchRequest request, const TraceSink& trace = {});

}  // namespace coppice
