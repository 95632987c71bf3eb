#pragma once
// How a language model is trained; no libtorch here, since the command line shows these without loading it.

#include "base/fields.h"

namespace coppice::lab {

struct TrainingOptions {
  int64_t steps = 1000;
  int64_t batch = 16;
  int64_t accumulate = 1;
  int64_t context = 0;  // 0 = the model's
  double lr = 1e-3;
  double min_lr = 0.1;
  int64_t warmup = 100;
  double weight_decay = 0.1;
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  double clip = 1.0;
  double balance_loss = 0.01;
  double z_loss = 0;
  double bias_rate = 0;
  int64_t eval_every = 0;
  int64_t save_every = 200;
  uint64_t seed = 0;

  bool operator==(const TrainingOptions&) const = default;
  static void fields(auto& self, auto&& field) {
    field("steps", self.steps, Field{.help = "optimizer steps", .min = 1, .max = 1e9, .value_name = "N"});
    field("batch", self.batch,
          Field{.help = "windows of text per pass", .min = 1, .max = 1 << 20, .value_name = "N"});
    field(
        "accumulate", self.accumulate,
        Field{
            .help = "passes whose gradients one step adds up", .min = 1, .max = 1 << 20, .value_name = "N"});
    field("context", self.context,
          Field{.help = "tokens per window; 0 = the model's context",
                .min = 0,
                .max = 1 << 20,
                .value_name = "N"});
    field("lr", self.lr, Field{.help = "highest learning rate", .min = 0, .above_min = true});
    field("min_lr", self.min_lr,
          Field{.help = "learning rate at the end, as a share of the highest", .min = 0, .max = 1});
    field("warmup", self.warmup,
          Field{.help = "steps over which the learning rate rises linearly", .min = 0, .value_name = "N"});
    field("weight_decay", self.weight_decay, Field{.help = "decoupled weight decay of matrices", .min = 0});
    field("beta1", self.beta1, Field{.help = "AdamW: decay of the mean gradient", .min = 0, .max = 0.999999});
    field("beta2", self.beta2,
          Field{.help = "AdamW: decay of the mean squared gradient", .min = 0, .max = 0.9999999});
    field("epsilon", self.epsilon,
          Field{.help = "AdamW: added to the root of the mean square", .min = 0, .above_min = true});
    field("clip", self.clip, Field{.help = "largest norm of the gradient; 0 = no limit", .min = 0});
    field("balance_loss", self.balance_loss,
          Field{.help = "mixtures of experts: coefficient of the Switch load-balancing loss", .min = 0});
    field("z_loss", self.z_loss,
          Field{.help = "mixtures of experts: coefficient of the router z-loss", .min = 0});
    field("bias_rate", self.bias_rate,
          Field{.help = "mixtures with a selection bias: step of loss-free balancing", .min = 0});
    field(
        "eval_every", self.eval_every,
        Field{
            .help = "steps between held-out evaluations; 0 = only at the end", .min = 0, .value_name = "N"});
    field("save_every", self.save_every,
          Field{.help = "steps between checkpoints; 0 = only when interrupted", .min = 0, .value_name = "N"});
    field("seed", self.seed,
          Field{.help = "fixes initial weights and the order of the text", .value_name = "N"});
  }
};

}  // namespace coppice::lab
