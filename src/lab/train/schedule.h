#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "lab/train/training_options.h"

namespace coppice::lab {

// The learning rate of step 0, 1, … : linear warm-up, then half a cosine down to min_lr * lr at the last
// step.
inline double learning_rate(const TrainingOptions& options, int64_t step) {
  const int64_t warmup = std::min(options.warmup, options.steps);
  if (step < warmup) return options.lr * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const int64_t falling = options.steps - 1 - warmup;
  const double progress =
      falling <= 0 ? 0 : std::min(1.0, static_cast<double>(step - warmup) / static_cast<double>(falling));
  const double height = 0.5 * (1 + std::cos(std::numbers::pi * progress));
  return options.lr * (options.min_lr + (1 - options.min_lr) * height);
}

}  // namespace coppice::lab
