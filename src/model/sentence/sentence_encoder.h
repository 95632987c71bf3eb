#pragma once
// Texts to vectors: a model's hidden states, pooled, as a sentence-transformers directory prescribes it.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "model/sentence/sentence_spec.h"
#include "text/tokenizer.h"

namespace coppice {

// What a caller wants otherwise than the directory says.
struct SentenceOptions {
  std::vector<Pooling> pooling;            // empty: as the directory says
  bool normalize = false;                  // also where the directory does not
  std::optional<std::string> prompt;       // before every text
  std::optional<std::string> prompt_name;  // of the directory's prompts; at most one of these two
  std::optional<int64_t> max_tokens;
  int64_t batch = 64;  // texts of one pass at most
  WeightType weights = WeightType::as_stored;
};

class SentenceEncoder {
 public:
  // A sentence-transformers directory; or a plain model directory or GGUF file, whose texts are pooled by their mean if it
  // is an encoder, and only as `options` say if it is a language model.
  SentenceEncoder(const std::filesystem::path& directory, const SentenceOptions& options);
  ~SentenceEncoder();

  int64_t width() const;  // of a vector
  const ModelSpec& model() const;
  const SentenceSpec& spec() const { return spec_; }
  // Whether the files say how tokens become a vector.
  bool says_pooling() const { return says_pooling_; }
  const std::string& prompt() const { return prompt_; }
  int64_t max_tokens() const { return max_tokens_; }
  bool normalizes() const;

  // A vector of width() floats per text, in the order of the texts. The same whatever the batch. White space
  // around a text is left out; a text without tokens is 0. `done` hears how many texts each batch finished.
  std::vector<float> encode(std::span<const std::string> texts,
                            const std::function<void(int64_t texts)>& done = {});

  // So far: tokens that went through the model, and texts that were cut.
  int64_t tokens() const { return tokens_; }
  int64_t truncated() const { return truncated_; }

  // What the model sees of a text: prompted, trimmed, lower-cased, tokenized, cut (which sets `cut`).
  std::vector<TokenId> tokenize(const std::string& text, bool* cut = nullptr) const;

 private:
  struct Dense;
  std::vector<float> vector_of(std::span<const float> states) const;

  SentenceSpec spec_;
  bool says_pooling_ = false;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<Dense> dense_;  // in the order of the dense stages
  std::string prompt_;
  int64_t prompt_tokens_ = 0, max_tokens_ = 0, batch_ = 1;
  int64_t tokens_ = 0, truncated_ = 0;
};

}  // namespace coppice
