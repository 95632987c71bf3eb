#pragma once
// Perplexity of a text: ids are cut into windows of the context, each with the tokenizer's own leading token if it has
// one, and the negative log likelihood is averaged over all predicted tokens.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace coppice {

// One forward pass: predict tokens[first_scored..] from what stands before each.
struct Window {
  std::vector<int32_t> tokens;
  int64_t first_scored = 1;
};

// Cuts `ids` (without special tokens) into windows of at most `context` tokens including the leading one. Consecutive
// windows begin `stride` ids apart (stride <= 0: as far as a window is long, no overlap); every id is predicted exactly
// once, but for the very first when there is no leading token to predict it from.
std::vector<Window> cut_windows(std::span<const int32_t> ids, int64_t context, int64_t stride,
                                std::optional<int32_t> leading);

struct Perplexity {
  double nll = 0;  // mean, natural log
  double ppl = 0;
  int64_t tokens = 0, windows = 0;
  double seconds = 0, tokens_per_second = 0;
};

// Gives the log probability of each scored token of a window.
using WindowScorer = std::function<std::vector<double>(const Window& window)>;

// Runs all windows with progress. No predicted token at all is an Error.
Perplexity measure_perplexity(std::span<const Window> windows, const WindowScorer& scorer);

}  // namespace coppice
