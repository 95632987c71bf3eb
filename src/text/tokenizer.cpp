#include "text/tokenizer.h"

#include <algorithm>

#include "base/file.h"
#include "base/hub_name.h"
#include "text/gguf/gguf_tokenizer.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"

namespace coppice {
namespace {

// tokenizer_config.json[key] if it is true or false, else `fallback`.
bool configured(const Json& config, const char* key, bool fallback) {
  const auto value = config.find(key);
  return value != config.end() && value->is_boolean() ? value->get<bool>() : fallback;
}

SentencePieceOptions read_sentencepiece_options(const std::filesystem::path& model_directory) {
  SentencePieceOptions options;
  const auto path = model_directory / "tokenizer_config.json";
  if (!std::filesystem::exists(path)) return options;
  const Json config = read_json_file(path);
  if (!config.is_object())
    throw Error({.where = path.string(), .found = config.type_name(), .expected = "an object"});
  options.add_bos = configured(config, "add_bos_token", options.add_bos);
  options.add_eos = configured(config, "add_eos_token", options.add_eos);
  return options;
}

}  // namespace

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
  const auto json = model_directory / "tokenizer.json", model = model_directory / "tokenizer.model";
  if (std::filesystem::exists(json)) return read_pipeline_tokenizer(read_file(json), json.string());
  if (std::filesystem::exists(model))
    return read_sentencepiece_tokenizer(read_file(model), read_sentencepiece_options(model_directory),
                                        model.string());
  const std::string hint = std::filesystem::exists(model_directory) ? "" : pull_hint(model_directory);
  throw Error({.where = model_directory.string(),
               .found = std::filesystem::is_directory(model_directory) ? "no tokenizer" : "no such directory",
               .expected = "tokenizer.json or tokenizer.model",
               .advice = hint.empty() ? "copy them from where the model came from" : hint});
}

}  // namespace coppice
