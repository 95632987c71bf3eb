#include "text/subword/subword_model.h"

namespace coppice {

Vocabulary take_vocabulary(TokenizerJson& document, const std::string& where) {
  if (!document.vocab)
    throw Error({.where = where + ".vocab",
                 .found = "no vocabulary",
                 .expected = "an object of tokens and their ids"});
  return Vocabulary(std::move(*document.vocab), where + ".vocab");
}

const Registry<SubwordMaker>& subword_models() {
  static const Registry<SubwordMaker> all("subword model", {
                                                               {"BPE", make_bpe_model},
                                                               {"Unigram", make_unigram_model},
                                                               {"WordPiece", make_word_piece_model},
                                                               {"WordLevel", make_word_level_model},
                                                           });
  return all;
}

}  // namespace coppice
