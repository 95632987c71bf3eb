#pragma once
// Log probabilities of a text's tokens under a decoder.

#include "measure/perplexity.h"
#include "model/decoder.h"

namespace coppice {

// Scores windows with `decoder`, which must outlive the scorer. Logits that are not numbers are an Error.
WindowScorer window_scorer(Decoder& decoder);

}  // namespace coppice
