// The Unigram model of a tokenizer.json.

#include <cmath>

#include "base/fields.h"
#include "text/subword/unigram.h"

namespace coppice {
namespace {

struct UnigramJson {
  std::optional<int64_t> unk_id;
  bool byte_fallback = false;

  static void fields(auto& self, auto&& field) {
    field("unk_id", self.unk_id, Field{.help = "id of the token for unknown characters", .min = 0});
    field("byte_fallback", self.byte_fallback,
          Field{.help = "unknown characters become their bytes' tokens <0xNN>"});
  }
};

// [piece, score]
std::pair<std::string, double> read_piece(const Json& json, const std::string& where) {
  const bool right = json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_number() &&
                     std::isfinite(json[1].get<double>());
  if (!right)
    throw Error({.where = where,
                 .found = to_line(json).substr(0, 60),
                 .expected = "a piece and its score, [\"a\", -1.5]"});
  return {json[0].get<std::string>(), json[1].get<double>()};
}

}  // namespace

std::unique_ptr<SubwordModel> make_unigram_model(TokenizerJson& document, const std::string& where) {
  Json& model = document.rest["model"];
  const auto list = model.find("vocab");
  if (list == model.end() || !list->is_array())
    throw Error({.where = where + ".vocab",
                 .found = "no vocabulary",
                 .expected = "a list of pieces and their scores"});
  std::vector<Vocabulary::Entry> entries;
  std::vector<std::optional<double>> scores;
  double lowest = 0;
  for (size_t i = 0; i < list->size(); ++i) {
    auto [piece, score] = read_piece((*list)[i], fmt::format("{}.vocab[{}]", where, i));
    lowest = i == 0 ? score : std::min(lowest, score);
    entries.emplace_back(std::move(piece), static_cast<int64_t>(i));
    scores.emplace_back(score);
  }
  model.erase("vocab");
  model.erase("type");
  const auto options = from_json<UnigramJson>(model, where);
  Vocabulary vocabulary(std::move(entries), where + ".vocab");
  if (options.unk_id && *options.unk_id >= vocabulary.end())
    throw Error({.where = where + ".unk_id",
                 .found = fmt::format("{}", *options.unk_id),
                 .expected = fmt::format("an id of the vocabulary, which ends at {}", vocabulary.end() - 1)});
  UnigramOptions unigram = {.unknown_score = lowest - UnigramModel::unknown_penalty,
                            .byte_fallback = options.byte_fallback};
  if (options.unk_id) unigram.unknown = static_cast<TokenId>(*options.unk_id);
  return std::make_unique<UnigramModel>(unigram, std::move(vocabulary), std::move(scores), where);
}

}  // namespace coppice
