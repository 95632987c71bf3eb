#include "model/score.h"

#include <cmath>

#include "base/error.h"
#include "base/parallel.h"
#include "kernels/isa.h"

namespace coppice {

WindowScorer window_scorer(Decoder& decoder) {
  require_next_token_model(decoder.spec(), "perplexity");
  return [&decoder](const Window& window) {
    const auto count = static_cast<int64_t>(window.tokens.size());
    // The last token predicts nothing that is asked for.
    const Decoder::Input input{.tokens = std::span(window.tokens).first(static_cast<size_t>(count - 1)),
                               .all_logits = true};
    const auto logits = decoder.forward({&input, 1});
    const int64_t vocabulary = decoder.spec().vocabulary;
    const auto& kernels = kernels::active();
    std::vector<double> scored(static_cast<size_t>(count - window.first_scored));
    parallel_for(count - window.first_scored, 8, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t at = window.first_scored + i;
        const float* row = logits.data() + (at - 1) * vocabulary;
        const double score = static_cast<double>(row[window.tokens[static_cast<size_t>(at)]]) -
                             static_cast<double>(kernels.log_sum_exp(row, vocabulary));
        if (std::isnan(score))
          throw Error({.where = "logits",
                       .found = "not a number",
                       .advice = "the weights are damaged or do not fit the configuration"});
        scored[static_cast<size_t>(i)] = score;
      }
    });
    return scored;
  };
}

}  // namespace coppice
