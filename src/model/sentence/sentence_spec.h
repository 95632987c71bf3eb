#pragma once
// What the files of a sentence-transformers directory say beside its model: modules.json and what it points
// to. The functions below read one file each; unknown modules, options and keys are Errors.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/fields.h"
#include "base/json.h"
#include "model/module_activation.h"

namespace coppice {

// How the hidden states of a text's tokens become one vector.
enum class Pooling {
  cls,               // that of the first token
  max,               // the largest value of each element
  mean,              // their mean
  mean_sqrt_length,  // their sum, divided by the square root of their number
  weighted_mean,     // their mean, token t (from 1) with weight t (Muennighoff 2022)
  last,              // that of the last token
  pooler,            // tanh(W x + b) of the first token's, for models with a pooler
};

template <>
struct EnumNames<Pooling> {
  static constexpr auto values =
      std::to_array<std::pair<Pooling, const char*>>({{Pooling::cls, "cls"},
                                                      {Pooling::max, "max"},
                                                      {Pooling::mean, "mean"},
                                                      {Pooling::mean_sqrt_length, "mean_sqrt_length"},
                                                      {Pooling::weighted_mean, "weighted_mean"},
                                                      {Pooling::last, "last"},
                                                      {Pooling::pooler, "pooler"}});
};

// act(W x + b), weights in `folder`.
struct DenseStage {
  std::filesystem::path folder;
  int64_t in = 0, out = 0;
  bool bias = true;
  ModuleActivation activation = ModuleActivation::tanh;
};
// x / max(|x|, 1e-12).
struct NormalizeStage {};
using SentenceStage = std::variant<DenseStage, NormalizeStage>;

struct SentenceSpec {
  std::filesystem::path model;          // directory of the transformer
  std::optional<int64_t> max_tokens;    // of a text, special ones included
  bool lower_case = false;              // texts are lower-cased before they are tokenized
  std::vector<Pooling> pooling;         // side by side, in this order
  std::optional<int64_t> pooled_width;  // width of the hidden states, where the file says it
  bool include_prompt = true;           // the tokens of a prompt are pooled too
  std::vector<SentenceStage> stages;
  std::map<std::string, std::string> prompts;
  std::optional<std::string> default_prompt;  // a key of `prompts`
};

// The spec of a directory with modules.json; nothing if it has none.
std::optional<SentenceSpec> read_sentence_spec(const std::filesystem::path& directory);

// modules.json: the modules' classes and folders, in order; folders are relative and stay inside.
struct SentenceModule {
  std::string kind;  // Transformer, Pooling, Dense, Normalize
  std::string folder;
};
std::vector<SentenceModule> parse_sentence_modules(const Json& json, const std::string& where);

// sentence_bert_config.json, 1_Pooling/config.json, 2_Dense/config.json, config_sentence_transformers.json:
// each sets its part of `spec` (returns a stage).
void parse_transformer_settings(const Json& json, SentenceSpec& spec, const std::string& where);
void parse_pooling(const Json& json, SentenceSpec& spec, const std::string& where);
DenseStage parse_dense(const Json& json, const std::string& where);
void parse_prompts(const Json& json, SentenceSpec& spec, const std::string& where);

}  // namespace coppice
