// A trained tokenizer as tokenizer.json and tokenizer_config.json.

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/train_bpe.h"

namespace coppice {
namespace {

Json byte_level(bool encodes) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", encodes}, {"use_regex", true}};
}

Json special_token(int64_t id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

Json text_place(const char* name, int type_id) {
  return {{"Sequence", {{"id", name}, {"type_id", type_id}}}};
}

Json bos_place(int type_id) {
  return {{"SpecialToken", {{"id", "<s>"}, {"type_id", type_id}}}};
}

Json bos_template(int64_t bos) {
  const Json single = Json::array({bos_place(0), text_place("A", 0)});
  const Json pair = Json::array({bos_place(0), text_place("A", 0), bos_place(1), text_place("B", 1)});
  const Json special = {{"id", "<s>"}, {"ids", Json::array({bos})}, {"tokens", Json::array({"<s>"})}};
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", {{"<s>", special}}}};
}

// {"token": id, …} written directly: an ordered Json would look for each of the many keys among the others.
std::string vocabulary_json(const std::vector<std::string>& tokens) {
  std::string text = "{";
  for (size_t id = 0; id < tokens.size(); ++id)
    text += fmt::format("{}{}: {}", id == 0 ? "" : ", ", to_line(Json(tokens[id])), id);
  return text + "}";
}

}  // namespace

void write_tokenizer(const TrainedBpe& trained, const BpeTraining& training,
                     const std::filesystem::path& directory) {
  const auto& specials = training.special_tokens;
  const auto special_id = [&](const char* name) {
    return std::find(specials.begin(), specials.end(), name) - specials.begin();
  };
  const auto has = [&](const char* name) {
    return special_id(name) < static_cast<std::ptrdiff_t>(specials.size());
  };
  Json added = Json::array(), merges = Json::array();
  for (size_t id = 0; id < specials.size(); ++id)
    added.push_back(special_token(static_cast<int64_t>(id), specials[id]));
  for (const auto& [left, right] : trained.merges) merges.push_back(left + " " + right);

  const std::string vocabulary_mark = "vocabulary goes here";
  const Json file = {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", std::move(added)},
      {"normalizer", nullptr},
      {"pre_tokenizer", byte_level(true)},
      {"post_processor", training.add_bos ? bos_template(special_id("<s>")) : byte_level(false)},
      {"decoder", byte_level(true)},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", false},
        {"vocab", vocabulary_mark},
        {"merges", std::move(merges)}}},
  };
  std::string text = to_text(file);
  const std::string quoted_mark = "\"" + vocabulary_mark + "\"";
  // Inside a string its quotes would be escaped, so that this is the only place.
  text.replace(text.find("\"vocab\": " + quoted_mark) + 9, quoted_mark.size(),
               vocabulary_json(trained.tokens));
  write_file(directory / "tokenizer.json", text);

  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"add_bos_token", training.add_bos},
                 {"clean_up_tokenization_spaces", false}};
  for (const auto& [key, name] :
       {std::pair{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}})
    if (has(name)) config[key] = name;
  write_file(directory / "tokenizer_config.json", to_text(config));
}

}  // namespace coppice
