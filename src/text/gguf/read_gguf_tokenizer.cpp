#include "base/error.h"
#include "text/directory/vocabulary_files.h"
#include "text/gguf/gguf_tokenizer.h"
#include "text/gguf/word_cuts.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece/sentencepiece_tokenizer.h"
#include "text/subword/bpe.h"

namespace coppice {
namespace {

Error tokenizer_error(const GgufMetadata& metadata, const std::string& key, const std::string& found,
                      const std::string& expected) {
  return Error({.where = metadata.where() + ": tokenizer.ggml." + key, .found = found, .expected = expected});
}

// The tokens with their scores and kinds; lists that are missing have zeros and normal tokens.
std::vector<ScoredPiece> read_pieces(const GgufMetadata& metadata) {
  const auto* tokens = metadata.texts("tokenizer.ggml.tokens");
  if (tokens == nullptr) throw tokenizer_error(metadata, "tokens", "missing", "a list of tokens");
  if (tokens->empty() || static_cast<int64_t>(tokens->size()) > max_vocabulary)
    throw tokenizer_error(metadata, "tokens", fmt::format("{} tokens", tokens->size()),
                          fmt::format("1 to {}", max_vocabulary));
  const auto check_size = [&](const char* key, size_t size) {
    if (size != tokens->size())
      throw tokenizer_error(metadata, key, fmt::format("{} elements", size),
                            fmt::format("{}, one for each token", tokens->size()));
  };
  std::vector<ScoredPiece> pieces;
  for (const auto& token : *tokens) pieces.push_back({token});
  if (const auto* scores = metadata.floats("tokenizer.ggml.scores")) {
    check_size("scores", scores->size());
    for (size_t i = 0; i < pieces.size(); ++i) pieces[i].score = (*scores)[i];
  }
  if (const auto kinds = metadata.integers("tokenizer.ggml.token_type")) {
    check_size("token_type", kinds->size());
    for (size_t i = 0; i < pieces.size(); ++i) {
      if ((*kinds)[i] < 1 || (*kinds)[i] > 6)
        throw tokenizer_error(metadata, "token_type", fmt::format("type {} of token {}", (*kinds)[i], i),
                              "1 to 6");
      pieces[i].kind = static_cast<PieceKind>((*kinds)[i]);
    }
  }
  return pieces;
}

// An id that a key gives, which must be one of the tokens.
std::optional<TokenId> read_id(const GgufMetadata& metadata, const std::string& key, size_t tokens) {
  const auto id = metadata.integer("tokenizer.ggml." + key);
  if (!id) return std::nullopt;
  if (*id < 0 || *id >= static_cast<int64_t>(tokens))
    throw tokenizer_error(metadata, key, fmt::format("{}", *id), fmt::format("0 to {}", tokens - 1));
  return static_cast<TokenId>(*id);
}

// The bytes of a list of numbers of 8 bits.
std::string read_charsmap(const GgufMetadata& metadata) {
  const auto numbers = metadata.integers("tokenizer.ggml.precompiled_charsmap");
  std::string bytes;
  for (const int64_t number : numbers.value_or(std::vector<int64_t>())) {
    if (number < -128 || number > 255)
      throw tokenizer_error(metadata, "precompiled_charsmap", fmt::format("{}", number), "bytes");
    bytes += static_cast<char>(number);
  }
  return bytes;
}

// What llama.cpp takes for granted of the two kinds.
struct SentencePieceDefaults {
  SentencePieceKind kind;
  bool space_prefix, add_bos, add_eos;
  TokenId unknown;
  std::optional<TokenId> eos;
};
constexpr SentencePieceDefaults bpe_defaults = {SentencePieceKind::bpe, true, true, false, 0, std::nullopt};
constexpr SentencePieceDefaults unigram_defaults = {SentencePieceKind::unigram, false, false, true, 2, 1};

std::unique_ptr<Tokenizer> read_sentencepiece(const GgufMetadata& metadata,
                                              const SentencePieceDefaults& defaults) {
  SentencePieceModel model;
  model.pieces = read_pieces(metadata);
  model.kind = defaults.kind;
  model.normalization.add_dummy_prefix =
      metadata.flag("tokenizer.ggml.add_space_prefix").value_or(defaults.space_prefix);
  model.normalization.remove_extra_whitespaces =
      metadata.flag("tokenizer.ggml.remove_extra_whitespaces").value_or(false);
  if (model.kind == SentencePieceKind::unigram) model.normalization.charsmap = read_charsmap(metadata);
  bool has_unknown = false;
  for (auto& piece : model.pieces) {
    model.byte_fallback = model.byte_fallback || piece.kind == PieceKind::byte;
    // Some files have several: the first is what SentencePiece means, the others are never found in a text
    // either.
    if (piece.kind == PieceKind::unknown && has_unknown) piece.kind = PieceKind::control;
    has_unknown = has_unknown || piece.kind == PieceKind::unknown;
  }
  const size_t count = model.pieces.size();
  const auto piece_of = [&](TokenId id) -> ScoredPiece& {
    return model.pieces[std::min(static_cast<size_t>(id), count - 1)];
  };
  // Files in use may leave out what SentencePiece always has, and give these tokens' kinds by their ids
  // alone.
  if (!has_unknown)
    piece_of(read_id(metadata, "unknown_token_id", count).value_or(defaults.unknown)).kind =
        PieceKind::unknown;
  const auto bos = read_id(metadata, "bos_token_id", count);
  auto eos = read_id(metadata, "eos_token_id", count);
  if (!eos) eos = defaults.eos;
  for (const auto id : {bos, eos})
    if (id && piece_of(*id).kind == PieceKind::normal) piece_of(*id).kind = PieceKind::control;
  if (bos) model.bos = piece_of(*bos).text;
  if (eos) model.eos = piece_of(*eos).text;
  check_pieces(model, metadata.where() + ": tokenizer.ggml.tokens");
  const SentencePieceOptions options = {
      .add_bos = metadata.flag("tokenizer.ggml.add_bos_token").value_or(defaults.add_bos),
      .add_eos = metadata.flag("tokenizer.ggml.add_eos_token").value_or(defaults.add_eos)};
  return make_sentencepiece_tokenizer(std::move(model), options, metadata.where());
}

std::vector<std::pair<std::string, std::string>> read_merges(const GgufMetadata& metadata) {
  const auto* lines = metadata.texts("tokenizer.ggml.merges");
  if (lines == nullptr) throw tokenizer_error(metadata, "merges", "missing", "a list of merges");
  std::vector<std::pair<std::string, std::string>> merges;
  for (const auto& line : *lines) {
    const size_t space = line.find(' ', 1);
    if (space == line.npos || line.find(' ', space + 1) != line.npos)
      throw tokenizer_error(metadata, "merges", fmt::format("'{}'", line.substr(0, 60)),
                            "two tokens and a space");
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

// A template of a tokenizer.json: <s> text </s>.
std::unique_ptr<PostProcessor> frame(std::optional<TokenId> before, std::optional<TokenId> behind,
                                     const std::string& where) {
  Json single = Json::array(), specials = Json::object();
  const auto add = [&](const char* name, std::optional<TokenId> id) {
    if (!id) return;
    single.push_back({{"SpecialToken", {{"id", name}, {"type_id", 0}}}});
    specials[name] = {{"id", name}, {"ids", Json::array({*id})}};
  };
  add("bos", before);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  add("eos", behind);
  return make_template_post_processor({{"single", single}, {"special_tokens", specials}}, where);
}

std::unique_ptr<Tokenizer> read_byte_level(const GgufMetadata& metadata) {
  const std::string& where = metadata.where();
  const auto pieces = read_pieces(metadata);
  const WordCut& cut =
      word_cut(metadata.text("tokenizer.ggml.pre").value_or("default"), where + ": tokenizer.ggml.pre");
  PipelineTokenizer::Parts parts;
  if (!cut.normalizer.is_null()) parts.normalizer = make_component(normalizers(), cut.normalizer, where);
  parts.pre_tokenizer = make_component(pre_tokenizers(), cut.pre_tokenizer, where);
  parts.decoder = make_component(token_decoders(), Json{{"type", "ByteLevel"}}, where);

  const auto bos = read_id(metadata, "bos_token_id", pieces.size()),
             eos = read_id(metadata, "eos_token_id", pieces.size());
  std::vector<Vocabulary::Entry> entries;
  for (size_t id = 0; id < pieces.size(); ++id) {
    const auto& [text, score, kind] = pieces[id];
    entries.emplace_back(text, static_cast<int64_t>(id));
    const auto token = static_cast<TokenId>(id);
    const bool special =
        kind == PieceKind::control || kind == PieceKind::unknown || token == bos || token == eos;
    if (special || kind == PieceKind::user_defined)
      parts.added_tokens.push_back({.id = token, .content = text, .special = special});
  }
  const bool add_bos = metadata.flag("tokenizer.ggml.add_bos_token").value_or(cut.add_bos);
  const bool add_eos = metadata.flag("tokenizer.ggml.add_eos_token").value_or(false);
  if (add_bos && !bos)
    throw tokenizer_error(metadata, "bos_token_id", "missing", "an id, as one is to be added");
  if (add_eos && !eos)
    throw tokenizer_error(metadata, "eos_token_id", "missing", "an id, as one is to be added");
  parts.post_processor = frame(add_bos ? bos : std::nullopt, add_eos ? eos : std::nullopt, where);
  parts.model = std::make_unique<BpeModel>(BpeOptions{.ignore_merges = cut.ignore_merges},
                                           Vocabulary(std::move(entries), where + ": tokenizer.ggml.tokens"),
                                           read_merges(metadata), where + ": tokenizer.ggml.merges");
  return std::make_unique<PipelineTokenizer>(std::move(parts), where);
}

// BERT's tokens as its vocab.txt spells them.
std::unique_ptr<Tokenizer> read_word_piece(const GgufMetadata& metadata) {
  auto pieces = read_pieces(metadata);
  const auto id_of = [&](const char* key, const char* other, TokenId usual) {
    auto id = read_id(metadata, key, pieces.size());
    if (!id) id = read_id(metadata, other, pieces.size());
    if (id) return *id;
    if (static_cast<size_t>(usual) < pieces.size()) return usual;
    throw tokenizer_error(metadata, key, "missing", fmt::format("an id of {} tokens", pieces.size()));
  };
  WordPieceFiles files;
  files.cls = id_of("cls_token_id", "bos_token_id", 101);
  files.sep = id_of("seperator_token_id", "eos_token_id", 102);
  const TokenId unknown = id_of("unknown_token_id", "unknown_token_id", 100);
  const bool lower = metadata.flag("tokenizer.ggml.normalizer.lowercase").value_or(true);
  files.normalizer = {
      {"type", "BertNormalizer"},
      {"lowercase", lower},
      {"strip_accents", metadata.flag("tokenizer.ggml.normalizer.strip_accents").value_or(lower)}};
  const std::string begin = "▁";
  for (size_t i = 0; i < pieces.size(); ++i) {
    auto& [text, score, kind] = pieces[i];
    const auto id = static_cast<TokenId>(i);
    const bool special = kind == PieceKind::control || kind == PieceKind::unknown || id == files.cls ||
                         id == files.sep || id == unknown;
    const bool begins = text.starts_with(begin) && text != begin;
    const bool apart = special || kind == PieceKind::user_defined || kind == PieceKind::unused ||
                       (text.starts_with('[') && text.ends_with(']'));
    if (begins)
      text.erase(0, begin.size());
    else if (!apart)
      text.insert(0, "##");
    if (special || kind == PieceKind::user_defined)
      files.added_tokens.push_back({.id = id, .content = text, .special = special});
    if (id == unknown) files.unknown = text;
    files.vocabulary.emplace_back(std::move(text), static_cast<int64_t>(i));
  }
  return make_word_piece_tokenizer(std::move(files), metadata.where() + ": tokenizer.ggml.tokens");
}

}  // namespace

std::unique_ptr<Tokenizer> read_gguf_tokenizer(const GgufMetadata& metadata) {
  const std::string model = metadata.text("tokenizer.ggml.model").value_or("no_vocab");
  if (model == "llama") return read_sentencepiece(metadata, bpe_defaults);
  if (model == "gpt2") return read_byte_level(metadata);
  if (model == "bert") return read_word_piece(metadata);
  if (model == "t5") return read_sentencepiece(metadata, unigram_defaults);
  throw tokenizer_error(metadata, "model", fmt::format("tokenizer model '{}'", model.substr(0, 40)),
                        "llama, gpt2, bert or t5");
}

}  // namespace coppice
