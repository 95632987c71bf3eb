#include "model/sentence/sentence_spec.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

void require_object(const Json& json, const std::string& where) {
  if (!json.is_object())
    throw Error({.where = where, .found = to_line(json).substr(0, 60), .expected = "an object"});
}

void refuse_unknown(const Json& json, const std::vector<std::string>& known, const std::string& where) {
  for (const auto& [key, value] : json.items())
    if (std::ranges::find(known, key) == known.end() && !value.is_null())
      throw Error({.where = where,
                   .found = fmt::format("key '{}', which is not known", key),
                   .advice = suggest(key, known)});
}

template <class T>
T value_of(const Json& json, const char* key, T fallback, const std::string& where) {
  const auto found = json.find(key);
  if (found != json.end() && !found->is_null()) from_json(*found, fallback, where + "." + key);
  return fallback;
}

// Options that would change the computation if they were set.
void must_be_empty(const Json& json, const char* key, const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null() || found->empty()) return;
  throw Error({.where = where + "." + key,
               .found = to_line(*found).substr(0, 60),
               .expected = "nothing: options of the loader are not supported"});
}

int64_t positive(const Json& json, const char* key, const std::string& where) {
  const auto number = value_of<int64_t>(json, key, 0, where);
  if (number < 1 || number > 1 << 24)
    throw Error({.where = where + "." + key, .found = fmt::format("{}", number), .expected = "1 to 2^24"});
  return number;
}

// Names as the flags of the file have them and, in one word, as newer files have them.
struct PoolingName {
  const char *flag, *word;
  Pooling pooling;
};
constexpr PoolingName pooling_names[] = {
    {"pooling_mode_cls_token", "cls", Pooling::cls},
    {"pooling_mode_max_tokens", "max", Pooling::max},
    {"pooling_mode_mean_tokens", "mean", Pooling::mean},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", Pooling::mean_sqrt_length},
    {"pooling_mode_weightedmean_tokens", "weightedmean", Pooling::weighted_mean},
    {"pooling_mode_lasttoken", "lasttoken", Pooling::last}};

// The words of "pooling_mode": one, several joined by '_' are not used; a list is.
std::vector<std::string> pooling_words(const Json& json, const std::string& where) {
  if (json.is_string()) return {json.get<std::string>()};
  std::vector<std::string> words;
  from_json(json, words, where);
  return words;
}

Json read_required(const fs::path& path, const char* what) {
  if (!fs::exists(path)) throw Error({.where = path.string(), .found = "no such file", .expected = what});
  return read_json_file(path, perhaps_incomplete);
}

// The first of the names that the transformer's settings may have.
std::optional<fs::path> settings_file(const fs::path& folder) {
  for (const char* kind : {"bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"})
    if (const fs::path path = folder / fmt::format("sentence_{}_config.json", kind); fs::exists(path))
      return path;
  return std::nullopt;
}

void check_order(const std::vector<SentenceModule>& modules, const std::string& where) {
  for (size_t i = 0; i < std::max<size_t>(2, modules.size()); ++i) {
    const std::string kind = i < modules.size() ? modules[i].kind : "nothing";
    const bool stage = kind == "Dense" || kind == "Normalize";
    if (i == 0 ? kind == "Transformer" : i == 1 ? kind == "Pooling" : stage) continue;
    throw Error({.where = fmt::format("{}[{}]", where, i),
                 .found = kind,
                 .expected = i == 0   ? "Transformer"
                             : i == 1 ? "Pooling"
                                      : "Dense or Normalize"});
  }
}

}  // namespace

std::vector<SentenceModule> parse_sentence_modules(const Json& json, const std::string& where) {
  if (!json.is_array() || json.empty() || json.size() > 64)
    throw Error({.where = where, .found = to_line(json).substr(0, 60), .expected = "a list of modules"});
  std::vector<SentenceModule> modules;
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", where, i);
    require_object(json[i], path);
    refuse_unknown(json[i], {"idx", "name", "path", "type", "kwargs"}, path);
    must_be_empty(json[i], "kwargs", path);
    SentenceModule module;
    const auto type = value_of<std::string>(json[i], "type", "", path);
    module.kind = type.substr(type.rfind('.') + 1);
    const bool known = module.kind == "Transformer" || module.kind == "Pooling" || module.kind == "Dense" ||
                       module.kind == "Normalize";
    if (!type.starts_with("sentence_transformers.") || !known)
      throw Error({.where = path + ".type",
                   .found = fmt::format("'{}'", type),
                   .expected = "Transformer, Pooling, Dense or Normalize of sentence_transformers.models"});
    module.folder = value_of<std::string>(json[i], "path", "", path);
    const fs::path folder(module.folder);
    if (folder.is_absolute() || module.folder.find('\0') != std::string::npos ||
        std::ranges::find(folder, fs::path("..")) != folder.end())
      throw Error(
          {.where = path + ".path", .found = "'" + module.folder + "'", .expected = "a folder inside"});
    modules.push_back(module);
  }
  check_order(modules, where);
  return modules;
}

void parse_transformer_settings(const Json& json, SentenceSpec& spec, const std::string& where) {
  require_object(json, where);
  refuse_unknown(json,
                 {"max_seq_length", "do_lower_case", "model_args", "tokenizer_args", "config_args",
                  "tokenizer_name_or_path", "transformer_task"},
                 where);
  must_be_empty(json, "model_args", where);
  must_be_empty(json, "tokenizer_args", where);
  must_be_empty(json, "config_args", where);
  must_be_empty(json, "tokenizer_name_or_path", where);
  if (value_of<std::string>(json, "transformer_task", "feature-extraction", where) != "feature-extraction")
    throw Error({.where = where + ".transformer_task",
                 .found = to_line(json["transformer_task"]),
                 .expected = "feature-extraction"});
  if (json.contains("max_seq_length") && !json["max_seq_length"].is_null())
    spec.max_tokens = positive(json, "max_seq_length", where);
  spec.lower_case = value_of(json, "do_lower_case", false, where);
}

void parse_pooling(const Json& json, SentenceSpec& spec, const std::string& where) {
  require_object(json, where);
  std::vector<std::string> known = {"word_embedding_dimension", "embedding_dimension", "pooling_mode",
                                    "include_prompt"};
  for (const auto& name : pooling_names) known.emplace_back(name.flag);
  refuse_unknown(json, known, where);
  for (const char* key : {"word_embedding_dimension", "embedding_dimension"})
    if (json.contains(key)) spec.pooled_width = positive(json, key, where);
  spec.include_prompt = value_of(json, "include_prompt", true, where);
  spec.pooling.clear();
  if (json.contains("pooling_mode") && !json["pooling_mode"].is_null()) {
    for (const auto& word : pooling_words(json["pooling_mode"], where + ".pooling_mode")) {
      const auto* found = std::ranges::find(pooling_names, word, &PoolingName::word);
      if (found == std::end(pooling_names))
        throw Error({.where = where + ".pooling_mode",
                     .found = fmt::format("'{}'", word),
                     .expected = "cls, max, mean, mean_sqrt_len_tokens, weightedmean or lasttoken"});
      if (std::ranges::find(spec.pooling, found->pooling) == spec.pooling.end())
        spec.pooling.push_back(found->pooling);
    }
  } else {
    for (const auto& name : pooling_names)
      if (value_of(json, name.flag, false, where)) spec.pooling.push_back(name.pooling);
  }
  if (spec.pooling.empty())
    throw Error({.where = where, .found = "no kind of pooling", .expected = "at least one that is true"});
}

DenseStage parse_dense(const Json& json, const std::string& where) {
  require_object(json, where);
  refuse_unknown(json,
                 {"in_features", "out_features", "bias", "activation_function", "module_input_name",
                  "module_output_name"},
                 where);
  for (const char* key : {"module_input_name", "module_output_name"})
    if (value_of<std::string>(json, key, "sentence_embedding", where) != "sentence_embedding")
      throw Error(
          {.where = where + "." + key, .found = to_line(json[key]), .expected = "sentence_embedding"});
  DenseStage dense;
  dense.in = positive(json, "in_features", where);
  dense.out = positive(json, "out_features", where);
  dense.bias = value_of(json, "bias", true, where);
  const auto activation =
      value_of<std::string>(json, "activation_function", "torch.nn.modules.activation.Tanh", where);
  dense.activation = parse_module(activation, where + ".activation_function");
  return dense;
}

void parse_prompts(const Json& json, SentenceSpec& spec, const std::string& where) {
  require_object(json, where);
  // The other keys say how vectors are compared and who wrote them.
  if (const auto prompts = json.find("prompts"); prompts != json.end() && !prompts->is_null()) {
    require_object(*prompts, where + ".prompts");
    for (const auto& [name, prompt] : prompts->items()) {
      if (!prompt.is_string())
        throw Error({.where = where + ".prompts." + name,
                     .found = to_line(prompt).substr(0, 60),
                     .expected = "a text"});
      spec.prompts[name] = prompt.get<std::string>();
    }
  }
  const auto name = value_of<std::optional<std::string>>(json, "default_prompt_name", std::nullopt, where);
  if (name && !spec.prompts.contains(*name))
    throw Error({.where = where + ".default_prompt_name",
                 .found = fmt::format("'{}'", *name),
                 .expected = "the name of a prompt"});
  spec.default_prompt = name;
}

std::optional<SentenceSpec> read_sentence_spec(const fs::path& directory) {
  const fs::path list = directory / "modules.json";
  if (!fs::exists(list)) return std::nullopt;
  const auto modules = parse_sentence_modules(read_json_file(list, perhaps_incomplete), list.string());
  SentenceSpec spec;
  spec.model = directory / modules[0].folder;
  if (const auto settings = settings_file(spec.model))
    parse_transformer_settings(read_json_file(*settings, perhaps_incomplete), spec, settings->string());
  const fs::path pooling = directory / modules[1].folder / "config.json";
  parse_pooling(read_required(pooling, "how tokens are pooled"), spec, pooling.string());
  for (size_t i = 2; i < modules.size(); ++i) {
    if (modules[i].kind == "Normalize") {
      spec.stages.emplace_back(NormalizeStage());
      continue;
    }
    const fs::path folder = directory / modules[i].folder;
    DenseStage dense = parse_dense(read_required(folder / "config.json", "the sizes of a dense layer"),
                                   (folder / "config.json").string());
    dense.folder = folder;
    spec.stages.emplace_back(std::move(dense));
  }
  const fs::path prompts = directory / "config_sentence_transformers.json";
  if (fs::exists(prompts)) parse_prompts(read_json_file(prompts, perhaps_incomplete), spec, prompts.string());
  return spec;
}

}  // namespace coppice
