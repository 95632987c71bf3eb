#pragma once
// AdamW (Loshchilov and Hutter 2019): Adam with bias correction and decoupled weight decay.

#include <string>
#include <vector>

#include <torch/torch.h>

#include "lab/train/training_options.h"

namespace coppice::lab {

class AdamW {
 public:
  // Matrices decay; norms, biases and other vectors do not.
  AdamW(const torch::OrderedDict<std::string, torch::Tensor>& parameters, const TrainingOptions& options);

  // One step along the parameters' gradients, each multiplied by `gradient_scale`. A parameter without a
  // gradient (an expert that no token chose) keeps its value and its state.
  void step(double learning_rate, double gradient_scale);
  void clear_gradients();
  // The norm of all gradients together.
  double gradient_norm() const;

  struct Slot {
    std::string name;
    torch::Tensor parameter, mean, square;  // first and second moment
    int64_t steps = 0;
    bool decays = false;
  };
  std::vector<Slot>& slots() { return slots_; }
  const std::vector<Slot>& slots() const { return slots_; }

 private:
  std::vector<Slot> slots_;
  double beta1_, beta2_, epsilon_, weight_decay_;
};

}  // namespace coppice::lab
