#pragma once

#include <torch/torch.h>

#include "model/spec.h"

namespace coppice::lab {

torch::Tensor activate(Activation activation, const torch::Tensor& x);

}  // namespace coppice::lab
