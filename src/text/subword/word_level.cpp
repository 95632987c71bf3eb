// WordLevel: every word is a token, or unknown.

#include "text/subword/subword_model.h"

namespace coppice {
namespace {

struct WordLevelOptions {
  std::string unk_token = "<unk>";
  static void fields(auto& self, auto&& field) {
    field("unk_token", self.unk_token, Field{.help = "stands for words that are not in the vocabulary"});
  }
};

class WordLevelModel : public SubwordModel {
 public:
  WordLevelModel(const WordLevelOptions& options, Vocabulary vocabulary, std::string where)
      : vocabulary_(std::move(vocabulary)),
        unknown_(vocabulary_.find(options.unk_token)),
        where_(std::move(where)) {}

  void encode(std::string_view word, std::vector<TokenId>& ids) const override { ids.push_back(id_of(word)); }
  void encode_traced(std::string_view word, std::vector<SubwordToken>& tokens) const override {
    tokens.push_back({id_of(word), {0, word.size()}});
  }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  TokenId id_of(std::string_view word) const {
    if (const auto id = vocabulary_.find(word)) return *id;
    if (unknown_) return *unknown_;
    throw Error({.where = where_,
                 .found = fmt::format("the word '{}'", word.substr(0, 60)),
                 .expected = "a vocabulary that has it, or its unk_token"});
  }

  Vocabulary vocabulary_;
  std::optional<TokenId> unknown_;
  std::string where_;
};

}  // namespace

std::unique_ptr<SubwordModel> make_word_level_model(TokenizerJson& document, const std::string& where) {
  const auto options = read_model_options<WordLevelOptions>(document, where);
  return std::make_unique<WordLevelModel>(options, take_vocabulary(document, where), where);
}

}  // namespace coppice
