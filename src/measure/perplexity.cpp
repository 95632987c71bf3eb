#include "measure/perplexity.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/progress.h"

namespace coppice {

std::vector<Window> cut_windows(std::span<const int32_t> ids, int64_t context, int64_t stride,
                                std::optional<int32_t> leading) {
  const int64_t room = context - (leading ? 1 : 0);  // ids per window
  if (room < 1 || (room < 2 && !leading))
    throw Error(
        {.where = "windows", .found = fmt::format("a context of {}", context), .expected = "at least 2"},
        Fault::usage);
  if (stride <= 0) stride = room;
  if (stride > room)
    throw Error(
        {.where = "windows",
         .found = fmt::format("a stride of {}", stride),
         .expected = fmt::format("at most the {} ids of a window, or some would not be predicted", room)},
        Fault::usage);
  const auto count = static_cast<int64_t>(ids.size());
  std::vector<Window> windows;
  int64_t predicted = leading ? 0 : 1;  // ids below it are done
  // Without a leading token a window's first id has nothing to be predicted from, so windows share one id.
  const int64_t step = leading ? stride : std::min(stride, room - 1);
  for (int64_t begin = 0; predicted < count; begin += step) {
    const int64_t end = std::min(begin + room, count);
    if (end <= predicted) continue;
    Window window;
    if (leading) window.tokens.push_back(*leading);
    window.tokens.insert(window.tokens.end(), ids.begin() + begin, ids.begin() + end);
    window.first_scored = predicted - begin + (leading ? 1 : 0);
    windows.push_back(std::move(window));
    predicted = end;
  }
  return windows;
}

Perplexity measure_perplexity(std::span<const Window> windows, const WindowScorer& scorer) {
  int64_t expected = 0;
  for (const auto& window : windows)
    expected += static_cast<int64_t>(window.tokens.size()) - window.first_scored;
  if (expected <= 0)
    throw Error({.where = "text", .found = "no token to predict", .advice = "give a longer text"});
  Perplexity result;
  const auto start = std::chrono::steady_clock::now();
  double total = 0;
  Progress progress("perplexity", expected, "tokens");
  for (const auto& window : windows) {
    const auto scored = scorer(window);
    COPPICE_CHECK(static_cast<int64_t>(scored.size()) ==
                  static_cast<int64_t>(window.tokens.size()) - window.first_scored);
    for (const double value : scored) total -= value;
    result.tokens += static_cast<int64_t>(scored.size());
    ++result.windows;
    progress.advance(static_cast<int64_t>(scored.size()),
                     fmt::format("ppl {:.3f}", std::exp(total / static_cast<double>(result.tokens))));
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.nll = total / static_cast<double>(result.tokens);
  result.ppl = std::exp(result.nll);
  if (result.seconds > 0) result.tokens_per_second = static_cast<double>(result.tokens) / result.seconds;
  return result;
}

}  // namespace coppice
