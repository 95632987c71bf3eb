#include "text/gguf/token_table.h"

#include <unordered_map>

#include "base/base64.h"
#include "text/added_tokens.h"
#include "text/directory/vocabulary_files.h"

namespace coppice {
namespace {

bool is_byte_token(const std::string& text) {
  return text.size() == 6 && text.starts_with("<0x") && text.ends_with('>');
}

void put(std::vector<ScoredPiece>& pieces, int64_t id, const ScoredPiece& piece, const std::string& where) {
  if (id < 0 || id >= max_vocabulary)
    throw Error({.where = where, .found = fmt::format("id {} of token '{}'", id, piece.text)});
  if (static_cast<size_t>(id) >= pieces.size()) pieces.resize(static_cast<size_t>(id) + 1);
  pieces[static_cast<size_t>(id)] = piece;
}

void place(const std::vector<AddedToken>& tokens, std::vector<ScoredPiece>& pieces,
           const std::string& where) {
  for (const auto& token : tokens)
    put(pieces, token.id,
        {.text = token.content, .kind = token.special ? PieceKind::control : PieceKind::user_defined}, where);
}

void place_added_tokens(const Json& file, std::vector<ScoredPiece>& pieces, const std::string& where) {
  const auto added = file.find("added_tokens");
  if (added == file.end() || added->is_null()) return;
  place(from_json<std::vector<AddedToken>>(*added, where + ".added_tokens"), pieces, where);
}

void add_special_id(TokenTable& table, const char* key, std::string_view text) {
  for (size_t id = 0; id < table.pieces.size(); ++id)
    if (table.pieces[id].text == text) {
      table.special_ids.emplace_back(key, static_cast<TokenId>(id));
      return;
    }
}

// Where a word begins is spelled by ▁; a token in brackets is none of a word.
std::string word_piece_spelling(const ScoredPiece& piece) {
  const std::string& text = piece.text;
  const bool bracketed = text.starts_with('[') && text.ends_with(']');
  if (text.empty() || bracketed || piece.kind == PieceKind::control || piece.kind == PieceKind::unknown)
    return text;
  return text.starts_with("##") ? text.substr(2) : "▁" + text;
}

TokenTable word_piece_table(std::vector<ScoredPiece> pieces, const Json& normalizer,
                            const std::string& where) {
  TokenTable table{.model = "bert", .pieces = std::move(pieces)};
  const auto flag = [&](const char* key, bool fallback) {
    const Json value = normalizer.value(key, Json());
    return value.is_boolean() ? value.get<bool>() : fallback;
  };
  if (!flag("clean_text", true) || !flag("handle_chinese_chars", true))
    throw no_gguf_name(where, "a normalizer that keeps control characters or joins ideographs",
                       "BERT's, which does neither");
  table.lower_case = flag("lowercase", true);
  table.strip_accents = flag("strip_accents", table.lower_case);
  add_special_id(table, "padding_token_id", "[PAD]");
  add_special_id(table, "mask_token_id", "[MASK]");
  std::unordered_map<std::string, std::string> spelled;
  for (auto& piece : table.pieces) {
    std::string spelling = word_piece_spelling(piece);
    const auto [other, fresh] = spelled.emplace(spelling, piece.text);
    if (!fresh && !spelling.empty())
      throw no_gguf_name(where, fmt::format("tokens '{}' and '{}'", other->second, piece.text),
                         "tokens that are spelled unlike without their marks");
    piece.text = std::move(spelling);
  }
  return table;
}

// What a Unigram tokenizer.json does with a text before it is cut, if GGUF can say it: a map of characters, and runs
// of spaces that become one.
struct UnigramSteps {
  std::string charsmap;
  bool remove_extra_spaces = false;
};

std::string decoded_charsmap(const Json& normalizer) {
  const Json text = normalizer.value("precompiled_charsmap", Json());
  return text.is_string() ? decode_base64(text.get<std::string>()).value_or("") : "";
}

std::optional<UnigramSteps> unigram_steps(const Json& normalizer, const Json& pre_tokenizer) {
  UnigramSteps steps;
  const auto parts = [](const Json& json, const char* list) {
    if (json.is_null()) return Json(Json::array());
    return json.value("type", "") == "Sequence" ? json.value(list, Json::array()) : Json(Json::array({json}));
  };
  for (const auto& part : parts(normalizer, "normalizers")) {
    const std::string type = part.value("type", "");
    const Json pattern = part.value("pattern", Json::object());
    if (type == "Precompiled" && steps.charsmap.empty())
      steps.charsmap = decoded_charsmap(part);
    else if (type == "Replace" && pattern.value("Regex", "") == " {2,}" &&
             (part.value("content", "") == " " || part.value("content", "") == "▁"))
      steps.remove_extra_spaces = true;
    else if (type != "Strip")
      return std::nullopt;
  }
  bool spaces_are_marked = false;
  for (const auto& part : parts(pre_tokenizer, "pretokenizers")) {
    const std::string type = part.value("type", "");
    if (type == "WhitespaceSplit" && !steps.charsmap.empty())  // which makes spaces of all white space
      steps.remove_extra_spaces = true;
    else if (type == "Metaspace" && part.value("replacement", "▁") == "▁" &&
             part.value("prepend_scheme", "always") != "never" && part.value("add_prefix_space", true))
      spaces_are_marked = true;
    else
      return std::nullopt;
  }
  return spaces_are_marked ? std::optional(steps) : std::nullopt;
}

}  // namespace

Error no_gguf_name(const std::string& where, const std::string& found, const std::string& expected) {
  return Error({.where = where,
                .found = found,
                .expected = expected,
                .advice = "GGUF has no name for this tokenizer"});
}

std::vector<ScoredPiece> pieces_of(const TokenizerJson& document, bool bytes, const std::string& where) {
  std::vector<ScoredPiece> pieces;
  for (const auto& [text, id] : *document.vocab)
    put(pieces, id,
        {.text = text, .kind = bytes && is_byte_token(text) ? PieceKind::byte : PieceKind::normal}, where);
  place_added_tokens(document.rest, pieces, where);
  const Json unknown = document.rest["model"].value("unk_token", Json());
  if (unknown.is_string())
    for (auto& piece : pieces)
      if (piece.text == unknown.get<std::string>()) piece.kind = PieceKind::unknown;
  return pieces;
}

TokenTable table_of_word_piece(const TokenizerJson& document, const std::string& where) {
  const Json& file = document.rest;
  const Json model = file["model"], normalizer = file.value("normalizer", Json()),
             cut = file.value("pre_tokenizer", Json());
  const auto type_of = [](const Json& json) { return json.is_object() ? json.value("type", "") : ""; };
  if (!document.vocab || type_of(normalizer) != "BertNormalizer" || type_of(cut) != "BertPreTokenizer" ||
      model.value("continuing_subword_prefix", "##") != "##")
    throw no_gguf_name(where, "a WordPiece tokenizer with other parts than BERT's",
                       "BertNormalizer, BertPreTokenizer and the mark ##");
  return word_piece_table(pieces_of(document, false, where), normalizer, where);
}

TokenTable table_of_vocabulary_file(const std::filesystem::path& model_directory) {
  const WordPieceFiles files = read_word_piece_files(model_directory);
  const std::string where = (model_directory / "vocab.txt").string();
  std::vector<ScoredPiece> pieces;
  for (const auto& [text, id] : files.vocabulary) put(pieces, id, {.text = text}, where);
  place(files.added_tokens, pieces, where);
  for (auto& piece : pieces)
    if (piece.text == files.unknown) piece.kind = PieceKind::unknown;
  return word_piece_table(std::move(pieces), files.normalizer, where);
}

TokenTable table_of_unigram(const TokenizerJson& document, const std::string& where) {
  const Json& file = document.rest;
  const Json& model = file["model"];
  const auto steps = unigram_steps(file.value("normalizer", Json()), file.value("pre_tokenizer", Json()));
  if (!steps)
    throw no_gguf_name(where, "a Unigram tokenizer with other parts than SentencePiece's",
                       "a map of characters, and spaces written as ▁");
  if (model.value("byte_fallback", false))
    throw no_gguf_name(where, "a Unigram tokenizer that falls back to bytes", "an unknown token");
  TokenTable table{
      .model = "t5", .remove_extra_spaces = steps->remove_extra_spaces, .charsmap = steps->charsmap};
  for (const auto& piece : model.value("vocab", Json::array())) {
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number())
      throw Error({.where = where + ".model.vocab",
                   .found = to_line(piece).substr(0, 60),
                   .expected = "a piece and its score"});
    table.pieces.push_back({.text = piece[0].get<std::string>(), .score = piece[1].get<float>()});
  }
  place_added_tokens(file, table.pieces, where);
  const Json unknown = model.value("unk_id", Json());
  const auto id = unknown.is_number_integer() ? unknown.get<int64_t>() : -1;
  if (id < 0 || id >= static_cast<int64_t>(table.pieces.size()))
    throw no_gguf_name(where, "no unknown token", "one, as SentencePiece has");
  table.pieces[static_cast<size_t>(id)].kind = PieceKind::unknown;
  add_special_id(table, "padding_token_id", "<pad>");
  return table;
}

}  // namespace coppice
