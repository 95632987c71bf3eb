// Decoding speed of a dense model of real shape (0.55 billion parameters in bf16, three quarters of them in
// FFNs) and of its split twin, whose eight experts of an eighth of the FFN hold as many weights, at 2, 4 and 6
// active experts; and of its pruned twins, of which two weights of every four are left, or every tenth.
//
// The contenders take turns, with a probe of the memory's read bandwidth before and after each turn, because
// shared machines drift. A ratio is the median of the rounds' ratios; its ideal is the ratio of the bytes
// that a token reads.
//
//   bench_decode [ROUNDS] [TOKENS]      about 4.6 GB in the temporary folder, twice that in memory at worst

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
#include "model/model_directory.h"

namespace {

using namespace coppice;
namespace fs = std::filesystem;

constexpr int64_t width = 2048, ffn_width = 8192, layers = 8, experts = 8;

ModelSpec shape(const FfnSpec& ffn) {
  const AttentionSpec attention{.heads = 32, .kv_heads = 8, .head_dim = 64};
  return {.vocabulary = 32000,
          .width = width,
          .context = 2048,
          .tied_embeddings = true,
          .blocks = std::vector<BlockSpec>(layers, {attention, ffn})};
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Tokens per second of `count` single-token passes after a prompt of 16.
double decode_speed(Decoder& decoder, int64_t count) {
  Rng rng(2);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count + 16; ++i) ids.push_back(static_cast<int32_t>(rng.below(32000)));
  const auto cache = decoder.new_cache();
  Decoder::Input input{.tokens = std::span(ids).first(16), .cache = cache.get()};
  decoder.forward({&input, 1});
  const double start = now();
  for (size_t i = 16; i < ids.size(); ++i) {
    input.tokens = std::span(ids).subspan(i, 1);
    decoder.forward({&input, 1});
  }
  return static_cast<double>(count) / (now() - start);
}

double prefill_speed(Decoder& decoder, int64_t count) {
  Rng rng(3);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(rng.below(32000)));
  const Decoder::Input input{.tokens = ids};
  const double start = now();
  decoder.forward({&input, 1});
  return static_cast<double>(count) / (now() - start);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Contender {
  std::string name;
  Decoder* decoder = nullptr;
  int64_t top_k = 0;
  std::vector<double> speed = {}, ratio = {}, share = {}, prefill = {};
};

double probe() {
  return kernels::measure_read_bandwidth(thread_count(), 0.1);
}

int run(int64_t rounds, int64_t tokens) {
  const TemporaryFolder folder;
  write_random(folder.path / "dense", shape(DenseFfnSpec{.width = ffn_width}));
  write_random(folder.path / "split",
               shape(MoeSpec{.widths = std::vector<int64_t>(experts, ffn_width / experts), .top_k = 2}));
  Decoder dense(std::make_shared<ModelDirectory>(folder.path / "dense"));
  Decoder split(std::make_shared<ModelDirectory>(folder.path / "split"));
  write_random(folder.path / "two of four", shape(DenseFfnSpec{.width = ffn_width}), {2, 4});
  write_random(folder.path / "condensed", shape(DenseFfnSpec{.width = ffn_width}), {3, 32});
  Decoder two_of_four(std::make_shared<ModelDirectory>(folder.path / "two of four"));
  Decoder condensed(std::make_shared<ModelDirectory>(folder.path / "condensed"));
  std::vector<Contender> contenders = {{"dense", &dense},
                                       {"2 of 8 experts", &split, 2},
                                       {"4 of 8 experts", &split, 4},
                                       {"6 of 8 experts", &split, 6},
                                       {"2 of 4 weights", &two_of_four},
                                       {"3 of 32 weights", &condensed}};
  const auto prepare = [](const Contender& contender) {
    if (contender.top_k > 0) contender.decoder->set_top_k(contender.top_k);
  };

  for (auto& contender : contenders) {  // one turn unmeasured: maps the weights
    prepare(contender);
    decode_speed(*contender.decoder, 4);
  }
  std::vector<double> bandwidths;
  for (int64_t round = 0; round < rounds; ++round) {
    double before = probe();
    for (auto& contender : contenders) {
      prepare(contender);
      contender.speed.push_back(decode_speed(*contender.decoder, tokens));
      const double after = probe();
      contender.ratio.push_back(contender.speed.back() / contenders.front().speed.back());
      contender.share.push_back(contender.speed.back() *
                                static_cast<double>(contender.decoder->bytes_per_token()) /
                                ((before + after) / 2));
      bandwidths.push_back(after);
      before = after;
    }
  }
  for (auto& contender : contenders) {
    prepare(contender);
    for (int i = 0; i < 3; ++i) contender.prefill.push_back(prefill_speed(*contender.decoder, 128));
  }

  Json rows = Json::array();
  const auto dense_bytes = static_cast<double>(dense.bytes_per_token());
  for (auto& contender : contenders) {
    prepare(contender);
    const ParameterCount count = count_parameters(contender.decoder->spec());
    const auto [slowest, fastest] = std::minmax_element(contender.speed.begin(), contender.speed.end());
    rows.push_back(
        {{"model", contender.name},
         {"params", count.total},
         {"active_params", count.active},
         {"bytes_per_token", contender.decoder->bytes_per_token()},
         {"decode_tokens_per_s", median(contender.speed)},
         {"decode_slowest", *slowest},
         {"decode_fastest", *fastest},
         {"ratio_to_dense", median(contender.ratio)},
         {"ideal_ratio_by_bytes", dense_bytes / static_cast<double>(contender.decoder->bytes_per_token())},
         {"share_of_bandwidth", median(contender.share)},
         {"prefill_tokens_per_s", median(contender.prefill)}});
  }
  const auto [least, most] = std::minmax_element(bandwidths.begin(), bandwidths.end());
  std::cout << to_text(
      Json{{"benchmark", "decode"},
           {"isa", to_string(kernels::active_isa())},
           {"threads", thread_count()},
           {"rounds", rounds},
           {"tokens", tokens},
           {"read_bytes_per_s", {{"median", median(bandwidths)}, {"least", *least}, {"most", *most}}},
           {"models", rows}});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 7,
               argc > 2 ? std::max(1, std::atoi(argv[2])) : 24);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
