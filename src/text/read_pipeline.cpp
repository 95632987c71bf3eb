// tokenizer.json -> PipelineTokenizer.

#include <algorithm>

#include "text/pipeline_tokenizer.h"

namespace coppice {
namespace {

// The component under `key`; none if it is missing or null.
template <class Component>
std::unique_ptr<Component> read_part(const Registry<ComponentMaker<Component>>& kinds, const Json& file,
                                     const char* key, const std::string& where) {
  const auto json = file.find(key);
  if (json == file.end() || json->is_null()) return nullptr;
  return make_component(kinds, *json, where + "." + key);
}

// Older files do not say the model's type; then it is BPE, which alone has merges.
std::unique_ptr<SubwordModel> read_model(TokenizerJson& document, const std::string& where) {
  const auto model = document.rest.find("model");
  if (model == document.rest.end() || !model->is_object())
    throw Error({.where = where,
                 .found = "no model",
                 .expected = "an object 'model'",
                 .advice = "is this a tokenizer.json?"});
  const bool untyped = !model->contains("type") && model->contains("merges");
  const std::string type = untyped ? "BPE" : component_type(*model, where + ".model");
  return subword_models().get(type, where + ".model", Fault::input)(document, where + ".model." + type);
}

void check_keys(const Json& file, const std::string& where) {
  static const std::vector<std::string> known = {"version",        "truncation", "padding",
                                                 "added_tokens",   "normalizer", "pre_tokenizer",
                                                 "post_processor", "decoder",    "model"};
  if (!file.is_object()) throw Error({.where = where, .found = file.type_name(), .expected = "an object"});
  for (const auto& [key, ignored] : file.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw Error(
          {.where = where, .found = fmt::format("unknown key '{}'", key), .advice = suggest(key, known)});
}

// {"strategy": "BatchLongest" | {"Fixed": 128}, …}
std::optional<Padding> read_padding(const Json& file, const std::string& where) {
  const auto found = file.find("padding");
  if (found == file.end() || found->is_null()) return std::nullopt;
  Json json = *found;
  if (!json.is_object()) throw Error({.where = where, .found = json.type_name(), .expected = "an object"});
  Padding padding;
  if (const auto strategy = json.find("strategy"); strategy != json.end()) {
    const bool fixed = strategy->is_object() && strategy->size() == 1 && strategy->contains("Fixed");
    if (fixed) {
      from_json((*strategy)["Fixed"], padding.length, where + ".strategy.Fixed");
      check_range(padding.length, Field{.min = 0, .max = 1 << 24}, where + ".strategy.Fixed");
    } else if (*strategy != "BatchLongest") {
      throw Error({.where = where + ".strategy",
                   .found = to_line(*strategy).substr(0, 60),
                   .expected = "\"BatchLongest\" or {\"Fixed\": length}"});
    }
    json.erase("strategy");
  }
  from_json(json, padding, where);
  return padding;
}

}  // namespace

std::unique_ptr<Tokenizer> read_pipeline_tokenizer(std::string_view json, const std::string& where) {
  TokenizerJson document = parse_tokenizer_json(json, where);
  const Json& file = document.rest;
  check_keys(file, where);
  PipelineTokenizer::Parts parts;
  parts.normalizer = read_part(normalizers(), file, "normalizer", where);
  parts.pre_tokenizer = read_part(pre_tokenizers(), file, "pre_tokenizer", where);
  parts.post_processor = read_part(post_processors(), file, "post_processor", where);
  parts.decoder = read_part(token_decoders(), file, "decoder", where);
  if (const auto added = file.find("added_tokens"); added != file.end() && !added->is_null())
    parts.added_tokens = from_json<std::vector<AddedToken>>(*added, where + ".added_tokens");
  if (const auto truncation = file.find("truncation"); truncation != file.end() && !truncation->is_null())
    parts.truncation = from_json<Truncation>(*truncation, where + ".truncation");
  parts.padding = read_padding(file, where + ".padding");
  parts.model = read_model(document, where);
  return std::make_unique<PipelineTokenizer>(std::move(parts), where);
}

}  // namespace coppice
