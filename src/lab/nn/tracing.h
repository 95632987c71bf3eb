#pragma once

#include <string>

#include <torch/torch.h>

#include "model/trace.h"

namespace coppice::lab {

// Gives `value`, all dimensions but the last flattened to rows, to the sink as float32.
void report(const TraceSink& trace, const std::string& name, const torch::Tensor& value);

}  // namespace coppice::lab
