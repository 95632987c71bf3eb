#include "text/gguf/word_cuts.h"

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"

namespace coppice {
namespace {

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", use_regex}};
}

Json split(const std::string& regex) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
}

Json sequence(std::vector<Json> parts) {
  Json list = Json::array();
  for (auto& part : parts) list.push_back(std::move(part));
  return {{"type", "Sequence"}, {"pretokenizers", std::move(list)}};
}

// Llama 3's words with numbers of up to `digits` digits.
Json llama3_words(const std::string& numbers) {
  return sequence({split(R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)" + numbers +
                         R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),
                   byte_level(false)});
}

Json digits(bool individual) {
  return {{"type", "Digits"}, {"individual_digits", individual}};
}

constexpr const char* gpt2_words_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))";

// The letters that have a case, as DeepSeek's first tokenizer lists them.
// clang-format off
constexpr const char* cased_letters =
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅ"
    "ὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-"
    "ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃";
// clang-format on

const std::vector<WordCut>& word_cuts() {
  static const Json nfc = {{"type", "NFC"}};
  static const std::vector<WordCut> all = {
      {.names = {"gpt-2", "mpt", "olmo", "phi-2", "jais", "trillion", "exaone4", "granite-docling", "mellum"},
       .pre_tokenizer = byte_level(true)},
      {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2"},
       .pre_tokenizer = llama3_words(R"(\p{N}{1,3})"),
       .ignore_merges = true,
       .add_bos = true},
      {.names = {"dbrx", "smaug-bpe"}, .pre_tokenizer = llama3_words(R"(\p{N}{1,3})")},
      {.names = {"qwen2", "stablelm2", "deepseek-r1-qwen", "megrez"},
       .normalizer = nfc,
       .pre_tokenizer = llama3_words(R"(\p{N})")},
      {.names = {"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone"},
       .pre_tokenizer = sequence({digits(true), byte_level(true)})},
      {.names = {"falcon"},
       .pre_tokenizer = sequence({{{"type", "Punctuation"}, {"behavior", "Contiguous"}},
                                  byte_level(true),
                                  digits(false),
                                  split("[0-9][0-9][0-9]")})},
      {.names = {"deepseek-v3"},
       .pre_tokenizer = sequence({split(R"(\p{N}{1,3})"), split("[一-龥぀-ゟ゠-ヿ]+"),
                                  split(R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|)"
                                        "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|"
                                        R"(\s*[\r\n]+|\s+(?!\S)|\s+)"),
                                  byte_level(false)})},
      {.names = {"deepseek-llm"},
       .pre_tokenizer = sequence({split("[\r\n]"), split(fmt::format("\\s?[{}]+", cased_letters)),
                                  split("\\s?[!-/:-~！-／：-～‘-‟　-。]+"), split("\\s+$"),
                                  split("[一-龥ࠀ-一가-\uD7FF]+"), digits(true), byte_level(false)})},
      {.names = {"deepseek-coder"},
       .pre_tokenizer = sequence({split("[\r\n]"), split("\\s?\\p{L}+"), split("\\s?\\p{P}+"),
                                  split("[一-龥ࠀ-一가-\uD7FF]+"), digits(true), byte_level(false)})},
      // Not a tokenizer of anybody's, but what llama.cpp does with files that do not say how to cut.
      {.names = {"default"},
       .pre_tokenizer = sequence({split(R"([\p{P}\$\+<=>\^~\|]+)"), split(gpt2_words_pattern),
                                  split(R"(\p{N}+)"), split("[0-9][0-9][0-9]"), byte_level(false)})},
  };
  return all;
}

// A component without what changes no id: keys in order, defaults and offsets left out.
nlohmann::json essence(const Json& json) {
  if (json.is_array()) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& part : json) list.push_back(essence(part));
    return list;
  }
  if (!json.is_object()) return nlohmann::json(json);
  if (json.value("type", "") == "Sequence" && json.value("normalizers", Json()) == Json::array()) return {};
  nlohmann::json result = nlohmann::json::object();
  for (const auto& [key, value] : json.items())
    if (key != "trim_offsets") result[key] = essence(value);
  const auto type = json.value("type", Json()),
             defaults = Json{{"ByteLevel", {{"add_prefix_space", true}, {"use_regex", true}}},
                             {"Digits", {{"individual_digits", false}}},
                             {"Punctuation", {{"behavior", "Isolated"}}},
                             {"Split", {{"invert", false}}}};
  if (type.is_string() && defaults.contains(type.get<std::string>()))
    for (const auto& [key, value] : defaults[type.get<std::string>()].items())
      if (!result.contains(key)) result[key] = value;
  return result;
}

}  // namespace

const WordCut& word_cut(const std::string& name, const std::string& where) {
  std::vector<std::string> known;
  for (const auto& cut : word_cuts())
    for (const auto& other : cut.names) {
      if (other == name) return cut;
      known.push_back(other);
    }
  throw Error({.where = where,
               .found = fmt::format("the cut into words '{}'", name.substr(0, 80)),
               .expected = "one that Coppice knows",
               .advice = suggest(name, known)});
}

const WordCut* find_word_cut(const Json& normalizer, const Json& pre_tokenizer, bool ignore_merges) {
  for (const auto& cut : word_cuts())
    if (essence(cut.normalizer) == essence(normalizer) &&
        essence(cut.pre_tokenizer) == essence(pre_tokenizer) && cut.ignore_merges == ignore_merges)
      return &cut;
  return nullptr;
}

}  // namespace coppice
