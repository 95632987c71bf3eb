#pragma once
// Scores of pairs of texts by a model that reads both at once (Nogueira and Cho 2019): an encoder with a classifier of one
// label, as sentence-transformers' CrossEncoder saves it. The tokenizer's template for pairs joins the texts; what is too
// long is cut from the longer text first, as CrossEncoder does, which in a search is the document.

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "model/sentence/sentence_spec.h"
#include "text/tokenizer.h"

namespace coppice {

struct TextPair {
  std::string first, second;  // in a search the query and the document
};

class CrossEncoder {
 public:
  // Errors: a model without a classifier or with several labels, a tokenizer that does not tell the texts apart.
  explicit CrossEncoder(const std::filesystem::path& directory);

  const ModelSpec& model() const { return decoder_->spec(); }
  // What turns logits into scores: as config.json says, else a sigmoid.
  ModuleActivation activation() const { return model().score_activation; }
  int64_t max_tokens() const { return max_tokens_; }

  // A score for each pair, in their order, the same whatever the batch. `done` hears how many each pass finished.
  std::vector<float> score(std::span<const TextPair> pairs,
                           const std::function<void(int64_t pairs)>& done = {});
  // Pairs so far that were cut.
  int64_t truncated() const { return truncated_; }

  // What the model sees of a pair, cut if need be (which sets `cut`).
  Encoding tokenize(const TextPair& pair, bool* cut = nullptr) const;

 private:
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<Decoder> decoder_;
  Truncation truncation_;
  int64_t max_tokens_ = 0, truncated_ = 0;
};

}  // namespace coppice
