#include "lab/data/packed_text.h"

#include <algorithm>
#include <numeric>

#include "base/file.h"
#include "base/progress.h"
#include "base/rng.h"

namespace coppice::lab {

DocumentTokens document_tokens(const Tokenizer& tokenizer, std::span<const int64_t> eos_ids) {
  DocumentTokens special{.begin = tokenizer.leading_token()};
  if (!eos_ids.empty() && eos_ids[0] < tokenizer.vocabulary()) special.end = static_cast<TokenId>(eos_ids[0]);
  for (const char* name : {"</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>", "[SEP]"})
    if (!special.end) special.end = tokenizer.find(name);
  return special;
}

std::vector<TokenId> pack_documents(std::span<const std::string_view> documents, const Tokenizer& tokenizer,
                                    const DocumentTokens& special) {
  std::vector<TokenId> ids;
  const auto add_special = [&ids](const std::optional<TokenId>& token) {
    if (token && (ids.empty() || ids.back() != *token)) ids.push_back(*token);
  };
  int64_t bytes = 0;
  for (const auto document : documents) bytes += static_cast<int64_t>(document.size());
  Progress progress("tokenize", bytes, "bytes");
  for (const auto document : documents) {
    add_special(special.begin);
    const auto words = tokenizer.encode(document, /*add_special=*/false);
    ids.insert(ids.end(), words.begin(), words.end());
    add_special(special.end);
    progress.advance(static_cast<int64_t>(document.size()));
  }
  return ids;
}

std::vector<TokenId> pack_files(std::span<const std::filesystem::path> files, DocumentBreak by,
                                const Tokenizer& tokenizer, const DocumentTokens& special) {
  std::vector<std::string> texts;
  std::vector<std::string_view> documents;
  for (const auto& file : files) texts.push_back(read_file(file));
  for (const auto& text : texts)
    for (const auto document : split_documents(text, by)) documents.push_back(document);
  if (documents.empty())
    throw Error({.where = files.empty() ? "text" : files[0].string(),
                 .found = "no text",
                 .expected = "at least one document"});
  return pack_documents(documents, tokenizer, special);
}

PackedText::PackedText(std::vector<TokenId> ids, int64_t context, int64_t vocabulary, uint64_t seed)
    : ids_(std::move(ids)), context_(context), seed_(seed) {
  const auto [low, high] = std::minmax_element(ids_.begin(), ids_.end());
  if (!ids_.empty() && (*low < 0 || *high >= vocabulary))
    throw Error({.where = "text",
                 .found = fmt::format("token id {}", *low < 0 ? *low : *high),
                 .expected = fmt::format("ids below the model's vocabulary of {}", vocabulary),
                 .advice = "use the model's own tokenizer"});
  if (tokens() < context + 1)
    throw Error({.where = "text",
                 .found = fmt::format("{} tokens", tokens()),
                 .expected = fmt::format("at least {}, one window and the token behind it", context + 1),
                 .advice = "give more text or a smaller --context"});
  // One window is given up, where there are several, to let the windows of an epoch begin anywhere.
  const int64_t whole = (tokens() - 1) / context;
  windows_ = whole > 1 ? whole - 1 : 1;
}

const PackedText::Epoch& PackedText::epoch(int64_t number) const {
  if (epoch_.number == number) return epoch_;
  Rng rng = Rng(seed_).fork(fmt::format("epoch {}", number));
  epoch_.number = number;
  epoch_.shift = static_cast<int64_t>(rng.below(static_cast<uint64_t>(tokens() - windows_ * context_)));
  epoch_.order.resize(static_cast<size_t>(windows_));
  std::iota(epoch_.order.begin(), epoch_.order.end(), int64_t{0});
  rng.shuffle(epoch_.order);
  return epoch_;
}

torch::Tensor PackedText::batch(int64_t step, int64_t batch) const {
  torch::Tensor result = torch::empty({batch, context_ + 1}, torch::kInt64);
  auto* row = result.data_ptr<int64_t>();
  for (int64_t i = 0; i < batch; ++i, row += context_ + 1) {
    const int64_t sample = step * batch + i;
    const Epoch& now = epoch(sample / windows_);
    const int64_t begin = now.shift + now.order[static_cast<size_t>(sample % windows_)] * context_;
    std::copy_n(ids_.begin() + begin, context_ + 1, row);
  }
  return result;
}

uint64_t PackedText::fingerprint() const {
  uint64_t hash = 1469598103934665603ULL ^ static_cast<uint64_t>(context_);  // FNV-1a
  for (const TokenId id : ids_) hash = (hash ^ static_cast<uint32_t>(id)) * 1099511628211ULL;
  return hash;
}

}  // namespace coppice::lab
