#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/added_tokens.h"
#include "text/gguf/gguf_tokenizer.h"
#include "text/gguf/token_table.h"
#include "text/gguf/word_cuts.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/tokenizer_json.h"
#include "text/utf8.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;
using Merge = std::pair<std::string, std::string>;

std::vector<Merge> merges_of(const Json& model, const std::string& where) {
  std::vector<Merge> merges;
  const auto list = model.find("merges");
  if (list == model.end() || !list->is_array()) throw Error({.where = where, .found = "no merges"});
  for (const auto& merge : *list) {
    const std::string text = merge.is_string() ? merge.get<std::string>() : "";
    const size_t space = text.find(' ');
    if (merge.is_array() && merge.size() == 2)
      merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
    else if (space != text.npos)
      merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    else
      throw Error({.where = where, .found = to_line(merge).substr(0, 60), .expected = "a merge"});
  }
  return merges;
}

// GGUF's "llama" merges by the score of the result and knows no list of merges. The two agree if the list is
// one that was made of scores: merges of the same result follow each other, and there is one for every cut of
// a token into two tokens. Then falling scores in the order of the list give the same ids.
void score_by_merges(std::vector<ScoredPiece>& pieces, const std::vector<Merge>& merges,
                     const std::string& where) {
  std::unordered_map<std::string_view, size_t> ids;
  for (size_t id = 0; id < pieces.size(); ++id)
    if (pieces[id].kind == PieceKind::normal) ids.emplace(pieces[id].text, id);
  const auto refuse = [&](const std::string& found) {
    return no_gguf_name(where, found, "merges that follow from scores, as SentencePiece has them");
  };
  std::unordered_map<std::string, size_t> cuts;  // per result
  std::string previous;
  float score = 0;
  const auto lowest = -static_cast<float>(merges.size()) - 1;
  for (auto& piece : pieces)
    if (piece.kind == PieceKind::normal) piece.score = lowest;
  for (const auto& [left, right] : merges) {
    const std::string result = left + right;
    const auto id = ids.find(result);
    if (id == ids.end()) throw refuse(fmt::format("a merge into '{}', which is no token", result));
    if (result != previous) {
      if (cuts.contains(result)) throw refuse(fmt::format("merges into '{}' at two places", result));
      pieces[id->second].score = score--;
    }
    ++cuts[result];
    previous = result;
  }
  for (const auto& [text, id] : ids) {
    size_t possible = 0;
    for (size_t cut = utf8_length(text[0]); cut < text.size(); cut += utf8_length(text[cut]))
      possible += ids.contains(text.substr(0, cut)) && ids.contains(text.substr(cut));
    const auto listed = cuts.find(std::string(text));
    if (possible != (listed == cuts.end() ? 0 : listed->second))
      throw refuse(fmt::format("{} merges into '{}', which has {} cuts into tokens",
                               listed == cuts.end() ? 0 : listed->second, text, possible));
  }
}

// Equal whatever the order of keys.
bool same(const Json& a, const Json& b) {
  return nlohmann::json(a) == nlohmann::json(b);
}

// Whether a SentencePiece-like tokenizer.json puts a space mark before every text; nothing if it does
// something else.
std::optional<bool> space_prefix_of(const Json& file) {
  const Json normalizer = file.value("normalizer", Json()), cut = file.value("pre_tokenizer", Json());
  const Json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  const Json prepend = {{"type", "Prepend"}, {"prepend", "▁"}};
  if (cut.is_null()) {
    if (same(normalizer, replace)) return false;
    if (same(normalizer, Json{{"type", "Sequence"}, {"normalizers", Json::array({replace})}})) return false;
    if (same(normalizer, Json{{"type", "Sequence"}, {"normalizers", Json::array({prepend, replace})}}))
      return true;
    return std::nullopt;
  }
  if (!normalizer.is_null() || cut.value("type", "") != "Metaspace" || cut.value("replacement", "") != "▁")
    return std::nullopt;
  // Scheme "first" differs behind special tokens only, where llama.cpp has no such choice.
  return cut.value("prepend_scheme", "always") != "never" && cut.value("add_prefix_space", true);
}

TokenTable table_of_json(const fs::path& path) {
  const std::string where = path.string();
  TokenizerJson document = parse_tokenizer_json(read_file(path), where);
  const Json& file = document.rest;
  const Json model = file.value("model", Json::object());
  if (model.value("type", "") == "WordPiece") return table_of_word_piece(document, where);
  if (model.value("type", "") == "Unigram") return table_of_unigram(document, where);
  if (!document.vocab || (model.value("type", "BPE") != "BPE"))
    throw no_gguf_name(where, fmt::format("a tokenizer of type {}", to_line(model.value("type", Json()))),
                       "byte-pair encoding, Unigram or WordPiece");
  const auto merges = merges_of(model, where + ".model.merges");
  TokenTable table;
  const bool byte_fallback = model.contains("byte_fallback") && model["byte_fallback"] == true;
  table.pieces = pieces_of(document, byte_fallback, where);
  if (byte_fallback) {
    const auto prefix = space_prefix_of(file);
    if (!prefix) throw no_gguf_name(where, "a normalizer that GGUF cannot say", "spaces written as ▁");
    table.space_prefix = *prefix;
    const fs::path beside = path.parent_path() / "tokenizer.model";
    if (!fs::exists(beside)) {
      score_by_merges(table.pieces, merges, where + ".model.merges");
      return table;
    }
    std::unordered_map<std::string, float> scores;
    for (const auto& piece : read_sentencepiece_model(read_file(beside), beside.string()).pieces)
      scores.emplace(piece.text, piece.score);
    for (auto& piece : table.pieces)
      if (const auto found = scores.find(piece.text); found != scores.end()) piece.score = found->second;
    return table;
  }
  const bool ignore_merges = model.contains("ignore_merges") && model["ignore_merges"] == true;
  const WordCut* cut =
      find_word_cut(file.value("normalizer", Json()), file.value("pre_tokenizer", Json()), ignore_merges);
  if (cut == nullptr)
    throw no_gguf_name(where, "a cut into words that is none of GGUF's",
                       "the normalizer and pre-tokenizer of GPT-2, Llama 3, Qwen 2, StarCoder or Falcon");
  table.model = "gpt2";
  table.pre = cut->names.front();
  for (const auto& [left, right] : merges) table.merges.push_back(left + " " + right);
  return table;
}

TokenTable table_of_sentencepiece(const fs::path& directory, const char* name) {
  const std::string where = (directory / name).string();
  const SentencePieceModel model =
      arrange_pieces(read_sentencepiece_model(read_file(directory / name), where),
                     read_sentencepiece_options(directory, name), where);
  const SentencePieceNormalization& normalization = model.normalization;
  if (model.kind != SentencePieceKind::bpe && model.kind != SentencePieceKind::unigram)
    throw no_gguf_name(where, "a SentencePiece model that is neither BPE nor unigram", "one of these");
  const bool unigram = model.kind == SentencePieceKind::unigram;
  if (!normalization.escape_whitespaces ||
      (!unigram && (!normalization.charsmap.empty() || normalization.remove_extra_whitespaces)))
    throw no_gguf_name(where, "a SentencePiece model that normalizes its text",
                       "one that leaves it as it is");
  if (unigram && model.byte_fallback)
    throw no_gguf_name(where, "a unigram model that falls back to bytes", "an unknown token");
  if (model.whitespace_as_suffix)
    throw no_gguf_name(where, "spaces that end words", "spaces that begin them");
  TokenTable table;
  table.pieces = model.pieces;
  table.space_prefix = normalization.add_dummy_prefix;
  if (!unigram) return table;
  table.model = "t5";
  table.charsmap = normalization.charsmap;
  table.remove_extra_spaces = normalization.remove_extra_whitespaces;
  return table;
}

// The table of what load_tokenizer would read.
TokenTable table_of_directory(const fs::path& directory) {
  if (const auto json = directory / "tokenizer.json"; fs::exists(json)) return table_of_json(json);
  for (const char* name : {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"})
    if (fs::exists(directory / name)) return table_of_sentencepiece(directory, name);
  if (fs::exists(directory / "vocab.txt") && !fs::exists(directory / "vocab.json"))
    return table_of_vocabulary_file(directory);
  throw no_gguf_name(directory.string(), "no tokenizer.json",
                     "that, a SentencePiece model or the vocab.txt of BERT");
}

// The tokens that encoding puts around a text.
struct Frame {
  std::optional<TokenId> before, behind;
};

Frame frame_of(const Tokenizer& tokenizer, const std::string& where) {
  for (const char* probe : {"a", "1", "the", "é", "\n"}) {
    const auto plain = tokenizer.encode(probe, false), full = tokenizer.encode(probe, true);
    if (plain.empty()) continue;
    const auto at = std::search(full.begin(), full.end(), plain.begin(), plain.end());
    const auto before = at - full.begin(),
               behind = full.end() - at - static_cast<std::ptrdiff_t>(plain.size());
    if (at == full.end() || before > 1 || behind > 1) break;
    return {before == 1 ? std::optional(full.front()) : std::nullopt,
            behind == 1 ? std::optional(full.back()) : std::nullopt};
  }
  throw no_gguf_name(where, "a post-processor that adds several tokens",
                     "at most one before and one behind a text");
}

// The chat template, which newer directories keep in a file of its own.
std::optional<std::string> chat_template(const fs::path& directory) {
  if (const auto path = directory / "chat_template.jinja"; fs::exists(path)) return read_file(path);
  const auto path = directory / "tokenizer_config.json";
  if (!fs::exists(path)) return std::nullopt;
  const Json config = read_json_file(path, perhaps_incomplete);
  if (!config.is_object() || !config.contains("chat_template") || !config["chat_template"].is_string())
    return std::nullopt;
  return config["chat_template"].get<std::string>();
}

// Every id below `vocabulary` gets a token that no other has.
void fill_up(std::vector<ScoredPiece>& pieces, int64_t vocabulary, const std::string& where) {
  if (static_cast<int64_t>(pieces.size()) > vocabulary)
    throw Error({.where = where,
                 .found = fmt::format("{} tokens", pieces.size()),
                 .expected = fmt::format("at most the model's vocabulary of {}", vocabulary)});
  pieces.resize(static_cast<size_t>(vocabulary));
  for (size_t id = 0; id < pieces.size(); ++id)
    if (pieces[id].text.empty()) pieces[id] = {fmt::format("[PAD{}]", id), 0, PieceKind::unused};
}

}  // namespace

void add_gguf_tokenizer(const fs::path& directory, const GgufTokenizerFacts& facts, GgufMetadata& metadata) {
  const std::string where = directory.string();
  const auto tokenizer = load_tokenizer(directory);
  TokenTable table = table_of_directory(directory);
  fill_up(table.pieces, facts.vocabulary, where);
  const Frame frame = frame_of(*tokenizer, where);
  const auto refuse_unequal = [&](std::optional<TokenId> added, std::optional<int64_t> own,
                                  const char* what) {
    if (added && own && *added != *own)
      throw no_gguf_name(where, fmt::format("token {} put {} every text", *added, what),
                         fmt::format("{}, by config.json", *own));
  };
  std::optional<int64_t> bos = facts.bos_id, eos;
  if (!facts.eos_ids.empty()) eos = facts.eos_ids.front();
  refuse_unequal(frame.before, bos, "before");
  refuse_unequal(frame.behind, eos, "behind");
  if (!bos) bos = frame.before;
  if (!eos) eos = frame.behind;

  const std::string prefix = "tokenizer.ggml.";
  metadata.add(prefix + "model", table.model);
  metadata.add(prefix + "pre", table.pre);
  std::vector<std::string> texts;
  std::vector<float> scores;
  std::vector<int32_t> kinds;
  for (size_t id = 0; id < table.pieces.size(); ++id) {
    auto& piece = table.pieces[id];
    const bool ends = static_cast<int64_t>(id) == bos || static_cast<int64_t>(id) == eos;
    if (ends && piece.kind == PieceKind::normal) piece.kind = PieceKind::control;
    if (piece.kind == PieceKind::unknown)
      metadata.add(prefix + "unknown_token_id", static_cast<uint32_t>(id));
    texts.push_back(std::move(piece.text));
    scores.push_back(piece.score);
    kinds.push_back(static_cast<int32_t>(piece.kind));
  }
  metadata.add(prefix + "tokens", GgufArray{std::move(texts)});
  if (table.has_scores()) metadata.add(prefix + "scores", GgufArray{std::move(scores)});
  metadata.add(prefix + "token_type", GgufArray{std::move(kinds)});
  if (table.model == "gpt2") metadata.add(prefix + "merges", GgufArray{std::move(table.merges)});
  if (bos) metadata.add(prefix + "bos_token_id", static_cast<uint32_t>(*bos));
  if (bos && table.model == "bert") metadata.add(prefix + "cls_token_id", static_cast<uint32_t>(*bos));
  // The end of a text in BERT ends no answer.
  if (eos && table.model == "bert")
    metadata.add(prefix + "seperator_token_id", static_cast<uint32_t>(*eos));
  else if (eos)
    metadata.add(prefix + "eos_token_id", static_cast<uint32_t>(*eos));
  if (facts.eos_ids.size() > 1)
    metadata.add(prefix + "eot_token_id", static_cast<uint32_t>(facts.eos_ids[1]));
  metadata.add(prefix + "add_bos_token", frame.before.has_value());
  metadata.add(prefix + "add_eos_token", frame.behind.has_value());
  if (table.has_scores()) metadata.add(prefix + "add_space_prefix", table.space_prefix);
  if (table.model == "t5") metadata.add(prefix + "remove_extra_whitespaces", table.remove_extra_spaces);
  if (!table.charsmap.empty())
    metadata.add(prefix + "precompiled_charsmap",
                 GgufArray{std::vector<uint8_t>(table.charsmap.begin(), table.charsmap.end())});
  if (table.model == "bert") {
    metadata.add(prefix + "normalizer.lowercase", table.lower_case);
    metadata.add(prefix + "normalizer.strip_accents", table.strip_accents);
  }
  if (facts.token_types > 0)
    metadata.add(prefix + "token_type_count", static_cast<uint32_t>(facts.token_types));
  for (const auto& [key, id] : table.special_ids) metadata.add(prefix + key, static_cast<uint32_t>(id));
  if (auto text = chat_template(directory)) metadata.add("tokenizer.chat_template", std::move(*text));
}

}  // namespace coppice
