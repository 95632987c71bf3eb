// What attention costs by the length of the context, for every type of cache: a model of 24 layers with the heads of
// Qwen2-0.5B (14 over 2 of keys and values, 64 wide) and next to nothing else, of random weights.
//
// At each length, the prompt's chunk of 512 tokens that reaches it is timed, then 24 single tokens, then 24 passes of
// eight sequences with a token each; the median counts. Bytes of keys and values over the time that a token takes beyond
// one at context 64 are compared with the read bandwidth, which is probed before and after.
//
//   bench_context [LONGEST] [TYPE]

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>

#include "base/parallel.h"
#include "base/rng.h"
#include "bench/random_model.h"
#include "kernels/isa.h"
#include "kernels/probe.h"
#include "model/decoder.h"
#include "model/kv_cache.h"

namespace {

using namespace coppice;
namespace fs = std::filesystem;

constexpr int64_t vocabulary = 1000, width = 64, layers = 24, timed = 24, sequences = 8, chunk = 512;

ModelSpec shape(int64_t context) {
  const AttentionSpec attention{.heads = 14, .kv_heads = 2, .head_dim = 64, .qkv_bias = true};
  return {.vocabulary = vocabulary,
          .width = width,
          .context = context,
          .tied_embeddings = true,
          .blocks = std::vector<BlockSpec>(layers, {attention, DenseFfnSpec{.width = width}})};
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<int32_t> random_ids(int64_t count) {
  Rng rng(2);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(rng.below(vocabulary)));
  return ids;
}

// Seconds of one pass of a token for each of the caches, which lose it again.
double token_seconds(Decoder& decoder, std::span<KvCache* const> caches) {
  const std::vector<int32_t> token = {7};
  std::vector<Decoder::Input> inputs;
  for (KvCache* cache : caches) inputs.push_back({.tokens = token, .cache = cache});
  std::vector<double> seconds;
  for (int64_t i = 0; i < timed; ++i) {
    const double start = now();
    decoder.forward(inputs);
    seconds.push_back(now() - start);
    for (KvCache* cache : caches) cache->truncate(cache->length() - 1);
  }
  return median(seconds);
}

Json measure(Decoder& decoder, KvType type, int64_t longest) {
  Json rows = Json::array();
  decoder.set_kv_options({.type = type});
  const auto cache = decoder.new_cache();
  const auto ids = random_ids(longest);
  double first = 0, first_batch = 0, last_chunk = 0;
  int64_t first_bytes = 0;
  for (int64_t length = 64; length < longest; length = length == 64 ? 512 : 2 * length) {
    while (cache->length() < length) {
      const int64_t count = std::min(chunk, length - cache->length());
      const Decoder::Input input{
          .tokens = std::span(ids).subspan(static_cast<size_t>(cache->length()), static_cast<size_t>(count)),
          .cache = cache.get()};
      const double start = now();
      decoder.forward({&input, 1});
      last_chunk = now() - start;
    }
    // Pages that are shared would be read from the processor's cache: every sequence has its own.
    std::vector<std::unique_ptr<KvCache>> own;
    std::vector<KvCache*> caches = {cache.get()};
    const double before = kernels::measure_read_bandwidth(thread_count(), 0.1);
    const double alone = token_seconds(decoder, caches);
    const double after = kernels::measure_read_bandwidth(thread_count(), 0.1);
    Json row = {{"context", length}, {"token_ms", 1e3 * alone}, {"chunk_ms", 1e3 * last_chunk}};
    const int64_t bytes = cache->bytes();
    if (length == 64) {
      first = alone;
      first_bytes = bytes;
    } else {
      const double rate = static_cast<double>(bytes - first_bytes) / std::max(1e-9, alone - first);
      row["cache_bytes_per_s"] = rate;
      row["share_of_bandwidth"] = rate / ((before + after) / 2);
    }
    row["read_bytes_per_s"] = (before + after) / 2;
    if (length <= 2048) {
      for (int64_t i = 1; i < sequences; ++i) {
        own.push_back(decoder.new_cache());
        for (int64_t begin = 0; begin < length; begin += chunk) {
          const Decoder::Input input{
              .tokens = std::span(ids).subspan(static_cast<size_t>(begin),
                                               static_cast<size_t>(std::min(chunk, length - begin))),
              .cache = own.back().get()};
          decoder.forward({&input, 1});
        }
        caches.push_back(own.back().get());
      }
      const double batch = token_seconds(decoder, caches);
      if (length == 64) first_batch = batch;
      row["batch_of_8_ms"] = 1e3 * batch;
      row["batch_of_8_tokens_per_s"] = static_cast<double>(sequences) / batch;
      row["batch_of_8_added_ms"] = 1e3 * (batch - first_batch);
    }
    rows.push_back(row);
  }
  return rows;
}

int run(int64_t longest, const std::string& only) {
  const TemporaryFolder folder;
  write_random(folder.path / "model", shape(longest + 1));
  Decoder decoder(std::make_shared<ModelDirectory>(folder.path / "model"));
  Json types;
  for (const auto& [type, name] : EnumNames<KvType>::values)
    if (only.empty() || only == name) types[name] = measure(decoder, type, longest);
  std::cout << to_text(Json{{"benchmark", "context"},
                            {"isa", to_string(kernels::active_isa())},
                            {"attention", kernels::active_attention().name},
                            {"threads", thread_count()},
                            {"types", types}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? std::max(128, std::atoi(argv[1])) : 8193, argc > 2 ? argv[2] : "");
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
