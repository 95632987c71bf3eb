#pragma once
// From hidden states to one vector, as sentence-transformers does it.

#include <span>
#include <vector>

#include "model/sentence/sentence_spec.h"

namespace coppice {

// Pools `tokens` rows of `width` floats, of which the first `skip` (a prompt) count only for `cls`. The
// result is 0 if nothing is left. Any pooling but `pooler`, which needs a model.
std::vector<float> pool_tokens(Pooling pooling, std::span<const float> states, int64_t width,
                               int64_t skip = 0);

// x / max(|x|, 1e-12), in place.
void normalize(std::span<float> x);

}  // namespace coppice
