#pragma once
// Guesses of the next tokens, which the model checks in one pass (speculative decoding): whatever is guessed, the text
// keeps the model's own distribution, and greedy text does not change.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/decoder.h"
#include "model/sampler.h"

namespace coppice {

struct Draft {
  std::vector<int32_t> ids;
  std::vector<Distribution> distributions;  // what each was drawn from
};

class Drafter {
 public:
  virtual ~Drafter() = default;
  // At most `most` tokens behind `history`, which is not empty.
  virtual Draft propose(std::span<const int32_t> history, int64_t most) = 0;
};

// A smaller model of the same vocabulary draws them. One sequence; `decoder` must outlive it, and other sequences may use
// it too.
std::unique_ptr<Drafter> make_model_drafter(Decoder& decoder, const SamplerOptions& sampler);

// What followed the last few tokens the last time that they stood in the text (prompt lookup, Saxena 2023): the longest
// match of up to `longest` tokens, at least `shortest`.
std::unique_ptr<Drafter> make_ngram_drafter(int64_t longest = 4, int64_t shortest = 2);

// An Error, naming `where`, unless `draft` can guess for `target`.
void require_same_vocabulary(const ModelSpec& target, const ModelSpec& draft, const std::string& where);

}  // namespace coppice
