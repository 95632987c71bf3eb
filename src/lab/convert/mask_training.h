#pragma once
// ToMoE's training of masks and routers over a frozen dense model.

#include <memory>
#include <string>
#include <vector>

#include "lab/convert/calibration.h"
#include "lab/convert/masked_ffn.h"

namespace coppice::lab {

// A dense model whose FFNs are replaced by masked ones, and the network that masks them.
struct MaskedModel {
  std::shared_ptr<LanguageModel> model;
  std::shared_ptr<MaskNetwork> network;
  std::vector<std::shared_ptr<MaskedFfn>> ffns;

  void set_masking(Masking masking);
  // [experts, neurons] of each layer without noise: before the threshold at zero.
  std::vector<torch::Tensor> mask_logits();
};

// All parameters of the dense model are frozen.
MaskedModel make_masked_model(const ModelSpec& spec, const StateDict& state, int64_t experts, uint64_t seed);

struct MaskTraining {
  double active = 0.5;
  int64_t steps = 200, batch = 4;
  double learning_rate = 1e-3, weight_decay = 0.05;
  double kl_weight = 16, ratio_weight = 16, union_weight = 3, balance_weight = 1;
  double ratio_ramp = 0;  // added to ratio_weight after every step
  uint64_t seed = 0;
};

struct MaskTrainingResult {
  double kl = 0, ratio = 0;      // means over the last tenth of the steps
  std::vector<double> kl_curve;  // by tenths
};

// Trains on windows drawn from `text`; deterministic for a seed and a number of threads.
MaskTrainingResult train_masks(MaskedModel& masked, const Calibration& text, const MaskTraining& training,
                               const std::string& title);

}  // namespace coppice::lab
