#include "lab/train/evaluate.h"

#include <algorithm>

namespace coppice::lab {
namespace {

// Log probabilities of the scored tokens of each window, padded at the end to one batch.
std::vector<std::vector<double>> score(LanguageModel& model, std::span<const Window> windows) {
  const torch::NoGradGuard no_gradient;
  size_t longest = 0;
  for (const auto& window : windows) longest = std::max(longest, window.tokens.size());
  torch::Tensor ids =
      torch::zeros({static_cast<int64_t>(windows.size()), static_cast<int64_t>(longest)}, torch::kInt64);
  for (size_t i = 0; i < windows.size(); ++i)
    std::copy(windows[i].tokens.begin(), windows[i].tokens.end(),
              ids[static_cast<int64_t>(i)].data_ptr<int64_t>());

  const torch::Tensor log_probabilities =
      torch::log_softmax(model.forward(ids), -1).narrow(1, 0, static_cast<int64_t>(longest) - 1);
  const torch::Tensor of_next =
      log_probabilities.gather(2, ids.narrow(1, 1, static_cast<int64_t>(longest) - 1).unsqueeze(2))
          .squeeze(2)
          .contiguous();
  std::vector<std::vector<double>> scores;
  for (size_t i = 0; i < windows.size(); ++i) {
    const torch::Tensor row = of_next[static_cast<int64_t>(i)].to(torch::kFloat64).contiguous();
    const auto* values = row.data_ptr<double>();
    scores.emplace_back(values + windows[i].first_scored - 1, values + windows[i].tokens.size() - 1);
  }
  return scores;
}

}  // namespace

Perplexity evaluate(LanguageModel& model, std::span<const Window> windows, int64_t batch) {
  const bool was_training = model.is_training();
  model.eval();
  // The measure asks for one window after the other; a batch is computed when its first window is asked for.
  std::vector<std::vector<double>> scores;
  size_t first = 0;
  const Perplexity result = measure_perplexity(windows, [&](const Window& window) {
    const auto index = static_cast<size_t>(&window - windows.data());
    COPPICE_CHECK(index < windows.size(), "a window from elsewhere");
    if (scores.empty() || index < first || index >= first + scores.size()) {
      first = index;
      scores =
          score(model, windows.subspan(index, std::min(static_cast<size_t>(batch), windows.size() - index)));
    }
    return scores[index - first];
  });
  model.train(was_training);
  return result;
}

}  // namespace coppice::lab
