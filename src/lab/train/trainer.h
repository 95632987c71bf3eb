#pragma once
// The training loop: batches -> loss -> gradients -> AdamW, with checkpoints, metrics and exact resume.
// Written once; what differs between kinds of training is in the job.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "lab/data/packed_text.h"
#include "lab/nn/language_model.h"
#include "lab/train/training_options.h"
#include "measure/perplexity.h"

namespace coppice::lab {

struct TrainingJob {
  std::shared_ptr<LanguageModel> model;
  std::shared_ptr<const PackedText> text;
  TrainingOptions options;
  // Where metrics.jsonl and the checkpoint lie; empty = neither is written.
  std::filesystem::path folder;
  bool resume = false;
  std::vector<Window> held_out;
  // Asked before every step; true saves a checkpoint and ends the run.
  std::function<bool()> should_stop;
  // The main loss of a batch [batch, context + 1]; default: mean cross entropy of every next token.
  std::function<torch::Tensor(LanguageModel& model, const torch::Tensor& batch)> loss;
};

struct TrainingResult {
  int64_t steps = 0;  // finished, those before a resume included
  bool finished = false;
  double loss = 0;       // of the last step
  double mean_loss = 0;  // over the last tenth of this run's steps
  double seconds = 0, tokens_per_second = 0;
  std::optional<Perplexity> held_out;
};

// Trains `job.model` in place. The same job gives the same weights to the bit, with or without interruptions,
// on the same number of threads. A loss that is not finite is an Error.
TrainingResult train(const TrainingJob& job);

inline std::filesystem::path checkpoint_file(const std::filesystem::path& folder) {
  return folder / "checkpoint.safetensors";
}
inline std::filesystem::path metrics_file(const std::filesystem::path& folder) {
  return folder / "metrics.jsonl";
}

}  // namespace coppice::lab
