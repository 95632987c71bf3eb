#include "measure/perplexity.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/progress.h"

namespace coppice {
namespace {

std::vector<int32_t> ids_up_to(int64_t count) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), 100);
  return ids;
}

TEST(Windows, PredictEveryIdOnceInOrder) {
  for (const std::optional<int32_t> leading : {std::optional<int32_t>(), std::optional<int32_t>(1)})
    for (int64_t count = 0; count < 20; ++count)
      for (int64_t context = 2; context < 8; ++context)
        for (int64_t stride = 0; stride <= context - (leading ? 1 : 0); ++stride) {
          const auto ids = ids_up_to(count);
          std::vector<int32_t> predicted;
          for (const auto& window : cut_windows(ids, context, stride, leading)) {
            ASSERT_LE(static_cast<int64_t>(window.tokens.size()), context);
            ASSERT_GE(window.first_scored, 1);
            if (leading) {
              ASSERT_EQ(window.tokens.front(), *leading);
            }
            // What follows the leading token is a stretch of the text.
            for (size_t i = leading ? 2 : 1; i < window.tokens.size(); ++i)
              ASSERT_EQ(window.tokens[i], window.tokens[i - 1] + 1);
            predicted.insert(predicted.end(), window.tokens.begin() + window.first_scored,
                             window.tokens.end());
          }
          const auto want = leading || ids.empty() ? ids : std::vector<int32_t>(ids.begin() + 1, ids.end());
          ASSERT_EQ(predicted, want) << "count " << count << " context " << context << " stride " << stride;
        }
}

TEST(Windows, OverlapGivesLaterWindowsContext) {
  const auto windows = cut_windows(ids_up_to(12), 7, 2, 1);
  for (size_t i = 1; i < windows.size(); ++i) {
    EXPECT_EQ(windows[i].tokens[1], 100 + 2 * static_cast<int32_t>(i));
    EXPECT_GE(windows[i].first_scored, 5);
  }
}

TEST(Windows, ImpossibleSizesAreErrors) {
  EXPECT_THROW(cut_windows(ids_up_to(5), 1, 0, 1), Error);
  EXPECT_THROW(cut_windows(ids_up_to(5), 1, 0, std::nullopt), Error);
  EXPECT_THROW(cut_windows(ids_up_to(5), 4, 5, 1), Error);
}

TEST(Perplexity, AveragesOverPredictedTokensNotWindows) {
  Progress::silence(true);
  const std::vector<Window> windows = {{.tokens = {1, 2, 3, 4}}, {.tokens = {1, 5}}};
  const auto result = measure_perplexity(windows, [](const Window& window) {
    return std::vector<double>(window.tokens.size() - 1, window.tokens.size() == 4 ? -1.0 : -3.0);
  });
  EXPECT_DOUBLE_EQ(result.nll, (3 * 1.0 + 3.0) / 4);
  EXPECT_DOUBLE_EQ(result.ppl, std::exp(1.5));
  EXPECT_EQ(result.tokens, 4);
  EXPECT_EQ(result.windows, 2);
}

TEST(Perplexity, NothingToPredictIsAnError) {
  const auto scorer = [](const Window&) { return std::vector<double>(); };
  EXPECT_THROW(measure_perplexity({}, scorer), Error);
  const std::vector<Window> windows = {{.tokens = {1}}};
  EXPECT_THROW(measure_perplexity(windows, scorer), Error);
}

}  // namespace
}  // namespace coppice
