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
  parts.model = read_model(document, where);
  return std::make_unique<PipelineTokenizer>(std::move(parts), where);
}

}  // namespace coppice
