#include "text/tokenizer.h"

#include <algorithm>

#include "base/file.h"
#include "base/hub_name.h"
#include "text/directory/vocabulary_files.h"
#include "text/gguf/gguf_tokenizer.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"

namespace coppice {
Encoding Tokenizer::encode_full(std::string_view first, std::optional<std::string_view> second,
                                const EncodeOptions& options) const {
  Encoding one = trace(first), two = second ? trace(*second) : Encoding();
  Encoding* other = second ? &two : nullptr;
  std::vector<TemplatePart> parts = {{.text = 0}};
  if (options.add_special)
    parts = text_template(second.has_value());
  else if (second)
    parts.push_back({.text = 1, .type = 1});
  if (options.truncation) {
    const auto added = static_cast<int64_t>(parts.size()) - (second ? 2 : 1);
    const int64_t room = std::max<int64_t>(0, options.truncation->max_length - added);
    truncate(one, other, static_cast<size_t>(room), *options.truncation);
  }
  Encoding result = fill_template(parts, one, other);
  if (options.padding) pad(std::span(&result, 1), *options.padding);
  return result;
}

Encoding Tokenizer::trace(std::string_view) const {
  throw Error({.where = "tokenizer", .found = "one that tells no offsets"});
}

std::vector<TemplatePart> Tokenizer::text_template(bool pair) const {
  if (!pair) return {{.text = 0}};
  return {{.text = 0}, {.text = 1, .type = 1}};
}

std::optional<TokenId> Tokenizer::leading_token() const {
  // A text that has ids of its own shows which of the added ones are before it and which behind.
  for (const char* probe : {"a", "1", "the", "é", "\n"}) {
    const auto plain = encode(probe, false), full = encode(probe, true);
    if (plain.empty()) continue;
    const auto at = std::search(full.begin(), full.end(), plain.begin(), plain.end());
    return at == full.begin() || at == full.end() ? std::nullopt : std::optional(full.front());
  }
  return std::nullopt;
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& model_directory) {
  if (is_gguf_file(model_directory)) return read_gguf_tokenizer(GgufFile(model_directory).metadata());
  const auto has = [&](const char* name) { return std::filesystem::exists(model_directory / name); };
  if (has("tokenizer.json")) {
    const auto path = model_directory / "tokenizer.json";
    return read_pipeline_tokenizer(read_file(path), path.string());
  }
  for (const char* name : {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"})
    if (has(name))
      return read_sentencepiece_tokenizer(read_file(model_directory / name),
                                          read_sentencepiece_options(model_directory, name),
                                          (model_directory / name).string());
  if (has("vocab.json") && has("merges.txt")) return read_byte_level_directory(model_directory);
  if (has("vocab.txt")) return read_word_piece_directory(model_directory);
  const std::string hint = std::filesystem::exists(model_directory) ? "" : pull_hint(model_directory);
  throw Error({.where = model_directory.string(),
               .found = std::filesystem::is_directory(model_directory) ? "no tokenizer" : "no such directory",
               .expected =
                   "tokenizer.json, tokenizer.model, spiece.model, sentencepiece.bpe.model, vocab.json and "
                   "merges.txt, or vocab.txt",
               .advice = hint.empty() ? "copy them from where the model came from" : hint});
}

}  // namespace coppice
