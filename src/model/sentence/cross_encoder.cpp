#include "model/sentence/cross_encoder.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/parallel.h"
#include "model/model_files.h"
#include "model/sentence/texts.h"

namespace coppice {
namespace {

constexpr int64_t batch = 64;

// A token between the two texts of a pair.
bool has_separator(const Tokenizer& tokenizer) {
  const auto texts = tokenizer.encode_full("a", "a").texts;
  const auto first = std::ranges::find(texts, 0), second = std::ranges::find(texts, 1);
  return first < second && std::find(first, second, Encoding::added) != second;
}

}  // namespace

CrossEncoder::CrossEncoder(const std::filesystem::path& directory) {
  const auto files = open_model(directory);
  const ModelSpec& spec = files->spec();
  const std::string where = directory.string();
  if (spec.head != HeadKind::classifier)
    throw Error({.where = where,
                 .found = "a model without a classifier",
                 .expected = "a cross-encoder, an encoder …ForSequenceClassification of one label"});
  if (spec.labels != 1)
    throw Error({.where = where,
                 .found = fmt::format("a classifier of {} labels", spec.labels),
                 .expected = "one label, the score of a pair"});
  tokenizer_ = load_tokenizer(directory);
  if (!has_separator(*tokenizer_))
    throw Error({.where = where,
                 .found = "a tokenizer that puts nothing between the texts of a pair",
                 .expected = "a template for pairs, as [CLS] A [SEP] B [SEP]"});
  max_tokens_ = std::min(spec.context, tokenizer_limit(directory).value_or(spec.context));
  truncation_ = tokenizer_->file_options().truncation.value_or(Truncation());
  truncation_.max_length = max_tokens_;
  truncation_.strategy = TruncationStrategy::longest_first;
  decoder_ = std::make_unique<Decoder>(files);
}

Encoding CrossEncoder::tokenize(const TextPair& pair, bool* cut) const {
  const std::string first = stripped(pair.first), second = stripped(pair.second);
  auto whole = tokenizer_->encode_full(first, second);
  if (static_cast<int64_t>(whole.size()) <= max_tokens_) return whole;
  if (cut != nullptr) *cut = true;
  EncodeOptions options;
  options.truncation = truncation_;
  return tokenizer_->encode_full(first, second, options);
}

std::vector<float> CrossEncoder::score(std::span<const TextPair> pairs,
                                       const std::function<void(int64_t pairs)>& done) {
  std::vector<Encoding> encoded(pairs.size());
  std::vector<size_t> tokens(pairs.size());
  std::atomic<int64_t> cuts = 0;
  parallel_for(static_cast<int64_t>(pairs.size()), 4, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      bool cut = false;
      encoded[i] = tokenize(pairs[i], &cut);
      tokens[i] = encoded[i].size();
      cuts += cut ? 1 : 0;
    }
  });
  truncated_ += cuts;
  std::vector<float> scores(pairs.size());
  for (const auto& pass : passes_of(tokens, batch)) {
    std::vector<Decoder::Input> inputs;
    for (const size_t i : pass) {
      auto& input = inputs.emplace_back(Decoder::Input{.tokens = encoded[i].ids});
      if (model().token_types > 1) input.texts = encoded[i].types;
    }
    const auto logits = decoder_->forward(inputs);
    for (size_t i = 0; i < pass.size(); ++i) {
      const double score = activate(activation(), logits[i]);
      if (!std::isfinite(score))
        throw Error({.where = "score of a pair",
                     .found = "not a number",
                     .advice = "the weights are damaged or do not fit the configuration"});
      scores[pass[i]] = static_cast<float>(score);
    }
    if (done) done(static_cast<int64_t>(pass.size()));
  }
  return scores;
}

}  // namespace coppice
