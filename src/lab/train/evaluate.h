#pragma once

#include <span>

#include "lab/nn/language_model.h"
#include "measure/perplexity.h"

namespace coppice::lab {

// Perplexity of `model` over the windows, `batch` of them per pass; no gradients. No predicted token is an
// Error.
Perplexity evaluate(LanguageModel& model, std::span<const Window> windows, int64_t batch = 16);

}  // namespace coppice::lab
