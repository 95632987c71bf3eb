// The tokenizer class of a directory with a SentencePiece model.

#include "base/registry.h"
#include "text/directory/tokenizer_config.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"

namespace coppice {
namespace {

// T5 (Raffel et al. 2020): sentinels behind the pieces, the first one last.
std::vector<std::string> sentinels(int64_t count) {
  std::vector<std::string> tokens;
  while (count > 0) tokens.push_back(fmt::format("<extra_id_{}>", --count));
  return tokens;
}

SentencePieceOptions llama_options(const TokenizerConfig& config) {
  return {.add_bos = config.flag("add_bos_token", true), .add_eos = config.flag("add_eos_token", false)};
}

SentencePieceOptions t5_options(const TokenizerConfig& config) {
  const int64_t count = config.number("extra_ids", 100);
  if (count < 0 || count > 10000)
    throw Error({.where = config.where() + ".extra_ids",
                 .found = fmt::format("{}", count),
                 .expected = "a number in [0, 10000]"});
  return {.add_bos = false, .add_eos = true, .second_type = 0, .last_tokens = sentinels(count)};
}

// XLM-R (Conneau et al. 2020) numbers the special tokens as fairseq does.
SentencePieceOptions xlm_roberta_options(const TokenizerConfig&) {
  return {.cls_and_sep = true,
          .second_type = 0,
          .first_tokens = {"<s>", "<pad>", "</s>", "<unk>"},
          .last_tokens = {"<mask>"}};
}

using OptionsOf = SentencePieceOptions (*)(const TokenizerConfig& config);

const Registry<OptionsOf>& sentencepiece_classes() {
  static const Registry<OptionsOf> all("tokenizer class with a SentencePiece model",
                                       {{"LlamaTokenizer", llama_options},
                                        {"CodeLlamaTokenizer", llama_options},
                                        {"GemmaTokenizer", llama_options},
                                        {"T5Tokenizer", t5_options},
                                        {"MT5Tokenizer", t5_options},
                                        {"XLMRobertaTokenizer", xlm_roberta_options}});
  return all;
}

std::string usual_class(const std::string& name) {
  if (name == "spiece.model") return "T5Tokenizer";
  return name == "sentencepiece.bpe.model" ? "XLMRobertaTokenizer" : "LlamaTokenizer";
}

}  // namespace

SentencePieceOptions read_sentencepiece_options(const std::filesystem::path& model_directory,
                                                const std::string& name) {
  const TokenizerConfig config(model_directory);
  const std::string kind = config.kind().empty() ? usual_class(name) : config.kind();
  const auto options_of =
      sentencepiece_classes().get(kind, config.where() + ".tokenizer_class", Fault::input);
  SentencePieceOptions options = options_of(config);
  options.added_tokens = config.added_tokens();
  return options;
}

}  // namespace coppice
