#pragma once
// A checkpoint: everything that the next step depends on, in one safetensors file that is replaced
// atomically.

#include <filesystem>

#include "lab/nn/language_model.h"
#include "lab/train/adamw.h"

namespace coppice::lab {

struct Checkpoint {
  int64_t step = 0;         // finished steps
  uint64_t text = 0;        // PackedText::fingerprint
  TrainingOptions options;  // must be equal on resume, but for what does not touch the weights
};

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint,
                      const LanguageModel& model, const AdamW& optimizer);

// Puts weights, both moments, step counts and torch's random state back and returns the rest. Another model,
// text or option than the checkpoint's is an Error that names the difference.
Checkpoint read_checkpoint(const std::filesystem::path& path, const Checkpoint& expected,
                           LanguageModel& model, AdamW& optimizer);

}  // namespace coppice::lab
