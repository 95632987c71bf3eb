#pragma once
// Picking the next token from logits.
//
// The chain, in the order of Hugging Face's logits processors: repetition penalty, temperature, top-k, top-p,
// min-p, then one draw from what is left. Temperature 0 takes the highest logit after the penalty, of equal
// ones the lowest id, and draws nothing.

#include <cstdint>
#include <span>
#include <vector>

#include "base/fields.h"
#include "base/rng.h"

namespace coppice {

struct SamplerOptions {
  double temp = 0.8;
  int64_t top_k = 40;
  double top_p = 0.95;
  double min_p = 0.05;
  double repeat_penalty = 1.0;
  int64_t seed = 0;

  static void fields(auto& self, auto&& field) {
    field("temp", self.temp,
          Field{.help = "temperature; 0 takes the most likely token", .min = 0, .max = 1000});
    field("top_k", self.top_k, Field{.help = "keep the k most likely tokens; 0 keeps all", .min = 0});
    field(
        "top_p", self.top_p,
        Field{
            .help = "keep the most likely tokens that together reach this probability", .min = 0, .max = 1});
    field(
        "min_p", self.min_p,
        Field{
            .help = "drop tokens below this share of the most likely one's probability", .min = 0, .max = 1});
    field("repeat_penalty", self.repeat_penalty,
          Field{.help = "divide positive and multiply negative logits of tokens seen before; 1 is off",
                .min = 0,
                .above_min = true});
    field("seed", self.seed, Field{.help = "seed of the draws", .min = 0});
  }
};

class Sampler {
 public:
  explicit Sampler(const SamplerOptions& options)
      : options_(options), rng_(static_cast<uint64_t>(options.seed)) {}

  // The next token after `history` (prompt and what was generated). A logit that is NaN is an Error, as is a
  // row without any finite one.
  int32_t sample(std::span<const float> logits, std::span<const int32_t> history);

 private:
  struct Candidate {
    int32_t id = 0;
    double logit = 0, probability = 0;
  };
  int32_t draw(std::vector<Candidate> candidates);

  SamplerOptions options_;
  Rng rng_;
};

}  // namespace coppice
