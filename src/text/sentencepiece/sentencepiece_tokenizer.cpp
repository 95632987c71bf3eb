#include "text/sentencepiece/sentencepiece_tokenizer.h"

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
    if (options.add_bos) bos_ = control(file.bos);
    if (options.add_eos) eos_ = control(file.eos);
    for (TokenId id = 0; id < vocabulary(); ++id) {
      const ScoredPiece& piece = file.pieces[static_cast<size_t>(id)];
      if (piece.kind == PieceKind::control || piece.kind == PieceKind::unknown)
        specials_.add({.id = id}, piece.text);
    }
    if (file.denormalization && !file.denormalization->charsmap.empty())
      denormalizer_.emplace(*file.denormalization, false, std::vector<ScoredPiece>(), where);
    file_ = std::move(file);
  }

  std::vector<TokenId> encode(std::string_view text, bool add_special) const override {
    std::vector<TokenId> ids;
    if (add_special && bos_) ids.push_back(*bos_);
    for (const auto& [range, token] : specials_.cut(text)) {
      if (token >= 0) {
        ids.push_back(token);
        continue;
      }
      const std::string normalized = normalizer_.apply(text.substr(range.begin, range.end - range.begin));
      if (!normalized.empty()) model_->encode(normalized, ids);
    }
    if (add_special && eos_) ids.push_back(*eos_);
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
  SentencePieceModel file_;
  std::unique_ptr<SubwordModel> model_;
  SentencePieceNormalizer normalizer_;
  std::optional<SentencePieceNormalizer> denormalizer_;
  std::optional<TokenId> bos_, eos_;
  TokenFinder specials_;
  std::string where_;
};

}  // namespace

std::unique_ptr<Tokenizer> read_sentencepiece_tokenizer(std::string_view bytes,
                                                        const SentencePieceOptions& options,
                                                        const std::string& where) {
  return make_sentencepiece_tokenizer(read_sentencepiece_model(bytes, where), options, where);
}

std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(SentencePieceModel model,
                                                        const SentencePieceOptions& options,
                                                        const std::string& where) {
  return std::make_unique<SentencePieceTokenizer>(std::move(model), options, where);
}

}  // namespace coppice
