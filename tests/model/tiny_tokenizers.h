#pragma once
// Small tokenizers of BERT's and T5's kind, for models that a test makes.

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/json.h"

namespace coppice::test {

// vocab.txt: special tokens, letters as words and as their continuations, and a few words.
inline void write_word_piece_files(const std::filesystem::path& folder) {
  std::string lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (const char* word : {"the", "a", "text", "little", "##ing", ".", ",", "!"})
    lines += word + std::string("\n");
  for (char letter = 'b'; letter <= 'z'; ++letter)
    lines += std::string(1, letter) + "\n##" + std::string(1, letter) + "\n";
  write_file(folder / "vocab.txt", lines + "##a\n");
  write_file(folder / "tokenizer_config.json",
             R"({"tokenizer_class": "BertTokenizer", "do_lower_case": true})");
}

// tokenizer.json: a Unigram model of letters and a few words; the end of a text is token 1.
inline void write_unigram_files(const std::filesystem::path& folder) {
  Json vocab = Json::array({Json::array({"<pad>", 0}), Json::array({"</s>", 0}), Json::array({"<unk>", 0})});
  double score = -2;
  for (const char* piece : {"▁", "▁the", "▁a", "▁text", "s", "ing", "▁little", ".", ","})
    vocab.push_back(Json::array({piece, score -= 0.25}));
  for (char letter = 'a'; letter <= 'z'; ++letter)
    if (letter != 's') vocab.push_back(Json::array({std::string(1, letter), score -= 0.125}));
  const auto special = [](int id, const char* text) {
    return Json{{"id", id},        {"content", text},     {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  const Json end = {{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}},
             text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
             second = {{"Sequence", {{"id", "B"}, {"type_id", 0}}}};
  const Json metaspace = {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "always"}};
  const Json file = {
      {"version", "1.0"},
      {"added_tokens", Json::array({special(0, "<pad>"), special(1, "</s>"), special(2, "<unk>")})},
      {"normalizer",
       {{"type", "Sequence"},
        {"normalizers",
         Json::array({Json{{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}},
                      Json{{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}}})}}},
      {"pre_tokenizer", metaspace},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single", Json::array({text, end})},
        {"pair", Json::array({text, end, second, end})},
        {"special_tokens", {{"</s>", {{"id", "</s>"}, {"ids", {1}}, {"tokens", {"</s>"}}}}}}}},
      {"decoder", metaspace},
      {"model", {{"type", "Unigram"}, {"unk_id", 2}, {"vocab", vocab}}}};
  write_file(folder / "tokenizer.json", to_text(file));
}

}  // namespace coppice::test
