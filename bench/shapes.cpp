// Prefill of 512 tokens and decoding, with random weights in the shapes of Qwen2-0.5B and of a small mixture of 32
// experts beside its dense twin of equal active width, in each type of weights. Decoding is set beside the bytes that a
// token reads over the memory's read bandwidth, probed before and after each turn; prefill beside what a product's
// multiply-adds would take at the f32 peak.
//
//   bench_shapes [ROUNDS] [SHAPE,...] [TYPE,...]      about 1 GB in the temporary folder, as much in memory

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "base/parallel.h"
#include "base/rng.h"
#include "bench/random_model.h"
#include "format/float16.h"
#include "kernels/isa.h"
#include "kernels/probe.h"
#include "model/decoder.h"
#include "model/kv_cache.h"
#include "model/model_directory.h"

namespace {

using namespace coppice;
namespace fs = std::filesystem;

ModelSpec shape(const std::string& name) {
  if (name == "qwen05")
    return {.vocabulary = 151936,
            .width = 896,
            .context = 1024,
            .tied_embeddings = true,
            .blocks = std::vector<BlockSpec>(
                24, {AttentionSpec{.heads = 14, .kv_heads = 2, .head_dim = 64, .qkv_bias = true},
                     DenseFfnSpec{.width = 4864}})};
  const AttentionSpec attention{.heads = 16, .kv_heads = 16, .head_dim = 64};
  FfnSpec ffn = DenseFfnSpec{.width = 2048};
  if (name == "moe") ffn = MoeSpec{.widths = std::vector<int64_t>(32, 512), .top_k = 4};
  return {.vocabulary = 32000,
          .width = 1024,
          .context = 1024,
          .tied_embeddings = true,
          .blocks = std::vector<BlockSpec>(12, {attention, ffn})};
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double tokens_per_second(Decoder& decoder, int64_t prompt, int64_t decoded) {
  Rng rng(2);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < prompt + decoded; ++i) ids.push_back(static_cast<int32_t>(rng.below(32000)));
  const auto cache = decoder.new_cache();
  Decoder::Input input{.tokens = std::span(ids).first(static_cast<size_t>(prompt)), .cache = cache.get()};
  double start = now();
  decoder.forward({&input, 1});
  if (decoded == 0) return static_cast<double>(prompt) / (now() - start);
  start = now();
  for (size_t i = static_cast<size_t>(prompt); i < ids.size(); ++i) {
    input.tokens = std::span(ids).subspan(i, 1);
    decoder.forward({&input, 1});
  }
  return static_cast<double>(decoded) / (now() - start);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<std::string> parts(const std::string& text) {
  std::vector<std::string> list;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) list.push_back(part);
  return list;
}

// A row of the table: one shape in one type.
Json measure(const fs::path& path, const std::string& name, WeightType type, int64_t rounds) {
  const double begin = now();
  Decoder decoder(std::make_shared<ModelDirectory>(path), type);
  const double loading = now() - begin;
  std::vector<double> prefill, decode, share, bandwidths;
  tokens_per_second(decoder, 4, 2);
  for (int64_t round = 0; round < rounds; ++round) {
    prefill.push_back(tokens_per_second(decoder, 512, 0));
    const double before = kernels::measure_read_bandwidth(thread_count(), 0.1);
    decode.push_back(tokens_per_second(decoder, 4, 32));
    const double after = kernels::measure_read_bandwidth(thread_count(), 0.1);
    bandwidths.push_back((before + after) / 2);
    share.push_back(decode.back() * static_cast<double>(decoder.bytes_per_token()) / bandwidths.back());
  }
  const double flops = 2 * static_cast<double>(count_parameters(decoder.spec()).active -
                                               decoder.spec().vocabulary * decoder.spec().width);
  return {{"shape", name},
          {"type", to_string(type)},
          {"load_seconds", loading},
          {"bytes_per_token", decoder.bytes_per_token()},
          {"prefill_512_tokens_per_s", median(prefill)},
          {"prefill_gflops", median(prefill) * flops / 1e9},
          {"decode_tokens_per_s", median(decode)},
          {"read_bytes_per_s", median(bandwidths)},
          {"decode_share_of_bandwidth", median(share)}};
}

int run(int64_t rounds, const std::vector<std::string>& shapes, const std::vector<std::string>& types) {
  Json rows = Json::array();
  for (const auto& name : shapes) {
    const TemporaryFolder folder;
    write_random(folder.path / "model", shape(name));
    for (const auto& type : types)
      rows.push_back(measure(folder.path / "model", name, parse_enum<WeightType>(type, "TYPE"), rounds));
  }
  std::cout << to_text(Json{
      {"benchmark", "shapes"},
      {"isa", to_string(kernels::active_isa())},
      {"threads", thread_count()},
      {"rounds", rounds},
      {"peak_f32_flops", kernels::measure_peak(kernels::Multiplied::f32, thread_count(), 0.2).value_or(0)},
      {"rows", rows}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 5, parts(argc > 2 ? argv[2] : "qwen05,moe,twin"),
               parts(argc > 3 ? argv[3] : "bf16,q8_0,q4_0"));
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
