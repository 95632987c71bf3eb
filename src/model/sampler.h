#pragma once
// Picking the next token from logits.
//
// The chain, in the order of Hugging Face's logits processors: penalties of what was seen before, temperature, top-k,
// top-p, min-p, typical-p, then one draw from what is left. Temperature 0 takes the highest logit after the penalties,
// of equal ones the lowest id, and draws nothing.
//
// Typical-p (Meister et al. 2023) keeps the tokens whose surprise -ln p is nearest to the expected surprise
// H = -sum p ln p, until together they reach the probability.

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
  double typical_p = 1.0;
  double repeat_penalty = 1.0;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  int64_t repeat_last_n = -1;
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
    field("typical_p", self.typical_p,
          Field{.help = "keep the tokens of the most usual surprise that together reach this probability; 1 "
                        "keeps all",
                .min = 0,
                .max = 1});
    field("repeat_penalty", self.repeat_penalty,
          Field{.help = "divide positive and multiply negative logits of tokens seen before; 1 is off",
                .min = 0,
                .above_min = true});
    field("presence_penalty", self.presence_penalty,
          Field{.help = "subtract this from the logits of tokens seen before", .min = -100, .max = 100});
    field("frequency_penalty", self.frequency_penalty,
          Field{.help = "subtract this from the logits of tokens for each time they were seen before",
                .min = -100,
                .max = 100});
    field("repeat_last_n", self.repeat_last_n,
          Field{.help = "how many of the last tokens count as seen before; -1: all of them", .min = -1});
    field("seed", self.seed, Field{.help = "seed of the draws", .min = 0});
  }
};

// A token and its probability. A distribution lists those above 0, the most likely first.
struct TokenChance {
  int32_t id = 0;
  double probability = 0;
};
using Distribution = std::vector<TokenChance>;

class Sampler {
 public:
  explicit Sampler(const SamplerOptions& options)
      : options_(options), rng_(static_cast<uint64_t>(options.seed)) {}

  // The next token after `history` (prompt and what was generated). A logit that is NaN is an Error, as is a
  // row without any finite one.
  int32_t sample(std::span<const float> logits, std::span<const int32_t> history);

  // What sample draws from.
  Distribution distribution(std::span<const float> logits, std::span<const int32_t> history) const;
  int32_t draw(const Distribution& distribution);

  // A draw from `target`, given `guess`, a draw from `guessed`: the guess itself with probability
  // min(1, target / guessed), else a draw from what target has above guessed (Leviathan et al. 2023; Chen et al. 2023).
  int32_t draw(const Distribution& target, int32_t guess, const Distribution& guessed);

  // Draws of its own, which change none of this one's.
  Sampler fork(std::string_view purpose) const;

 private:
  SamplerOptions options_;
  Rng rng_;
};

}  // namespace coppice
