#include "text/sentencepiece/sentencepiece_tokenizer.h"

#include <algorithm>
#include <cfloat>

#include "base/strings.h"
#include "text/added_tokens.h"
#include "text/sentencepiece/decode_pieces.h"
#include "text/sentencepiece/model.h"
#include "text/sentencepiece/normalizer.h"
#include "text/subword/scored_bpe.h"
#include "text/subword/unigram.h"

namespace coppice {
namespace {

// Scores as SentencePiece means them: a user-defined piece beats every other cut of its text.
std::unique_ptr<SubwordModel> make_unigram(const SentencePieceModel& model, const std::string& where) {
  float lowest = FLT_MAX, highest = FLT_MIN;
  for (const auto& piece : model.pieces) {
    if (piece.kind != PieceKind::normal) continue;
    lowest = std::min(lowest, piece.score);
    highest = std::max(highest, piece.score);
  }
  std::vector<std::optional<double>> scores;
  for (const auto& piece : model.pieces) {
    auto& score = scores.emplace_back();
    if (piece.kind == PieceKind::normal) score = piece.score;
    if (piece.kind == PieceKind::user_defined)
      score = static_cast<double>(static_cast<float>(piece.text.size()) * highest) - 0.1;
  }
  return std::make_unique<UnigramModel>(
      UnigramOptions{.style = UnigramStyle::sentencepiece,
                     .unknown = model.unknown,
                     .unknown_score = lowest - static_cast<float>(UnigramModel::unknown_penalty),
                     .byte_fallback = model.byte_fallback},
      vocabulary_of(model.pieces, where), std::move(scores), where);
}

std::unique_ptr<SubwordModel> make_model(const SentencePieceModel& model, const std::string& where) {
  if (model.kind == SentencePieceKind::unigram) return make_unigram(model, where);
  if (model.kind == SentencePieceKind::bpe)
    return std::make_unique<ScoredBpeModel>(model.pieces, model.byte_fallback, where);
  throw Error({.where = where,
               .found = fmt::format("a SentencePiece model of type {}",
                                    model.kind == SentencePieceKind::word ? "word" : "char"),
               .expected = "unigram or BPE"});
}

std::vector<ScoredPiece>::iterator find_piece(std::vector<ScoredPiece>& pieces, const std::string& text) {
  return std::find_if(pieces.begin(), pieces.end(),
                      [&](const ScoredPiece& piece) { return piece.text == text; });
}

class SentencePieceTokenizer : public Tokenizer {
 public:
  SentencePieceTokenizer(SentencePieceModel file, const SentencePieceOptions& options,
                         const std::string& where)
      : model_(make_model(file, where)),
        normalizer_(file.normalization, file.whitespace_as_suffix, file.pieces, where),
        where_(where) {
    const auto control = [&](const std::string& name) -> std::optional<TokenId> {
      const auto id = model_->vocabulary().find(name);
      return id && file.pieces[static_cast<size_t>(*id)].kind == PieceKind::control ? id : std::nullopt;
    };
    const auto bos = control(file.bos), eos = control(file.eos);
    const auto add = [this](std::optional<TokenId> id, int32_t type) {
      if (id) pair_.push_back({.id = *id, .type = type});
    };
    for (int32_t text = 0; text < 2; ++text) {
      const int32_t type = text == 0 ? 0 : options.second_type;
      if (options.cls_and_sep)
        add(text == 0 ? bos : eos, 0);
      else if (options.add_bos)
        add(bos, type);
      pair_.push_back({.text = text, .type = type});
      if (options.add_eos || options.cls_and_sep) add(eos, type);
      if (text == 0) single_ = pair_;
    }
    for (TokenId id = 0; id < vocabulary(); ++id) {
      const ScoredPiece& piece = file.pieces[static_cast<size_t>(id)];
      if (piece.kind == PieceKind::control || piece.kind == PieceKind::unknown)
        specials_.add({.id = id}, piece.text);
    }
    for (const auto& token : options.added_tokens) specials_.add(token, token.content);
    if (file.denormalization && !file.denormalization->charsmap.empty())
      denormalizer_.emplace(*file.denormalization, false, std::vector<ScoredPiece>(), where);
    file_ = std::move(file);
  }

  std::vector<TokenId> encode(std::string_view text, bool add_special) const override {
    std::vector<TokenId> ids;
    if (!add_special) {
      encode_text(text, ids);
      return ids;
    }
    for (const auto& part : single_) {
      if (part.text == Encoding::added)
        ids.push_back(part.id);
      else
        encode_text(text, ids);
    }
    return ids;
  }

  std::string decode(std::span<const TokenId> ids, bool skip_special) const override {
    for (const TokenId id : ids) token(id);
    const std::string text = decode_pieces(file_, ids, skip_special);
    return denormalizer_ ? denormalizer_->apply(text) : text;
  }

  int64_t vocabulary() const override { return model_->vocabulary().end(); }

  std::optional<TokenId> find(std::string_view token) const override {
    return model_->vocabulary().find(token);
  }

  std::string token(TokenId id) const override {
    if (const std::string* spelling = model_->vocabulary().token(id)) return *spelling;
    throw Error({.where = where_,
                 .found = fmt::format("token id {}", id),
                 .expected = fmt::format("an id in [0, {})", vocabulary())});
  }

  bool is_special(TokenId id) const override {
    return id >= 0 && id < vocabulary() && file_.pieces[static_cast<size_t>(id)].kind == PieceKind::control;
  }

 private:
  void encode_text(std::string_view text, std::vector<TokenId>& ids) const {
    for (const auto& [range, token] : specials_.cut(text)) {
      if (token >= 0) {
        ids.push_back(token);
        continue;
      }
      const std::string normalized = normalizer_.apply(text.substr(range.begin, range.end - range.begin));
      if (!normalized.empty()) model_->encode(normalized, ids);
    }
  }

  Encoding trace(std::string_view text) const override {
    Encoding encoding;
    std::vector<SubwordToken> tokens;
    for (const auto& [range, special] : specials_.cut(text)) {
      if (special >= 0) {
        encoding.push_back(special, range, 0, 0);
        continue;
      }
      const TracedText normalized = normalizer_.trace(text.substr(range.begin, range.end - range.begin));
      tokens.clear();
      if (!normalized.text.empty()) model_->encode_traced(normalized.text, tokens);
      for (const auto& token : tokens) {
        const auto [begin, end] = origin_of(normalized.origins, token.range);
        encoding.push_back(token.id, {range.begin + begin, range.begin + end}, 0, 0);
      }
    }
    return encoding;
  }

  std::vector<TemplatePart> text_template(bool pair) const override { return pair ? pair_ : single_; }

  SentencePieceModel file_;
  std::unique_ptr<SubwordModel> model_;
  SentencePieceNormalizer normalizer_;
  std::optional<SentencePieceNormalizer> denormalizer_;
  std::vector<TemplatePart> single_, pair_;
  TokenFinder specials_;
  std::string where_;
};

}  // namespace

SentencePieceModel arrange_pieces(SentencePieceModel model, const SentencePieceOptions& options,
                                  const std::string& where) {
  auto& pieces = model.pieces;
  std::vector<ScoredPiece> first;
  for (const auto& name : options.first_tokens) {
    const auto known = find_piece(pieces, name);
    first.push_back(known != pieces.end() ? *known : ScoredPiece{.text = name, .kind = PieceKind::control});
    if (known != pieces.end()) pieces.erase(known);
  }
  pieces.insert(pieces.begin(), first.begin(), first.end());
  for (const auto& name : options.last_tokens)
    if (find_piece(pieces, name) == pieces.end())
      pieces.push_back({.text = name, .kind = PieceKind::control});
  for (const auto& token : options.added_tokens) {
    const auto id = static_cast<size_t>(token.id);
    const auto refuse = [&](const std::string& expected) {
      return Error({.where = where,
                    .found = fmt::format("added token '{}' has id {}", token.content, token.id),
                    .expected = expected});
    };
    if (token.content.empty()) throw refuse("a token with a spelling");
    const auto known = find_piece(pieces, token.content);
    if (known != pieces.end()) {
      if (static_cast<size_t>(known - pieces.begin()) != id)
        throw refuse(fmt::format("{}, its id among the pieces", known - pieces.begin()));
      if (token.special && known->is_textual()) known->kind = PieceKind::control;
      continue;
    }
    if (id != pieces.size()) throw refuse(fmt::format("{}, the next free one", pieces.size()));
    pieces.push_back(
        {.text = token.content, .kind = token.special ? PieceKind::control : PieceKind::user_defined});
  }
  for (size_t id = 0; id < pieces.size(); ++id)
    if (pieces[id].kind == PieceKind::unknown) model.unknown = static_cast<TokenId>(id);
  return model;
}

std::unique_ptr<Tokenizer> read_sentencepiece_tokenizer(std::string_view bytes,
                                                        const SentencePieceOptions& options,
                                                        const std::string& where) {
  return make_sentencepiece_tokenizer(arrange_pieces(read_sentencepiece_model(bytes, where), options, where),
                                      options, where);
}

std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(SentencePieceModel model,
                                                        const SentencePieceOptions& options,
                                                        const std::string& where) {
  return std::make_unique<SentencePieceTokenizer>(std::move(model), options, where);
}

}  // namespace coppice
