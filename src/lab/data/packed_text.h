#pragma once
// Text as one long stream of token ids, cut into windows for training. Which windows a step sees is a
// function of the seed and the step alone, so that a resumed run sees exactly what it would have seen.

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include <torch/torch.h>

#include "lab/data/document_break.h"
#include "text/tokenizer.h"

namespace coppice::lab {

// What stands before and after every document.
struct DocumentTokens {
  std::optional<TokenId> begin, end;
};
// begin: the tokenizer's own leading token; end: the first of `eos_ids` (a model's), else a token of a usual
// name.
DocumentTokens document_tokens(const Tokenizer& tokenizer, std::span<const int64_t> eos_ids = {});

// begin document end begin document end …; of two equal neighbours (a tokenizer with one token for both) one
// is kept.
std::vector<TokenId> pack_documents(std::span<const std::string_view> documents, const Tokenizer& tokenizer,
                                    const DocumentTokens& special);

// The same for files. No document in any of them is an Error.
std::vector<TokenId> pack_files(std::span<const std::filesystem::path> files, DocumentBreak by,
                                const Tokenizer& tokenizer, const DocumentTokens& special);

class PackedText {
 public:
  // Windows have context + 1 ids: what a model of `context` reads and, shifted by one, what it must predict.
  // Fewer ids than one window, or an id outside the vocabulary, is an Error.
  PackedText(std::vector<TokenId> ids, int64_t context, int64_t vocabulary, uint64_t seed);

  // int64 [batch, context + 1]: samples step * batch … of an endless sequence of epochs. In an epoch every
  // window comes once, in an order of its own; windows of different epochs begin at different places.
  torch::Tensor batch(int64_t step, int64_t batch) const;

  int64_t tokens() const { return static_cast<int64_t>(ids_.size()); }
  int64_t context() const { return context_; }
  int64_t windows() const { return windows_; }
  // Identifies ids and context, for checkpoints.
  uint64_t fingerprint() const;

 private:
  struct Epoch {
    int64_t number = -1, shift = 0;
    std::vector<int64_t> order;
  };
  const Epoch& epoch(int64_t number) const;

  std::vector<TokenId> ids_;
  int64_t context_, windows_;
  uint64_t seed_;
  mutable Epoch epoch_;  // the last one used
};

}  // namespace coppice::lab
