#include "text/subword/subword_model.h"

namespace coppice {

const Registry<SubwordMaker>& subword_models() {
  static const Registry<SubwordMaker> all("subword model", {
                                                               {"BPE", make_bpe_model},
                                                               {"Unigram", make_unigram_model},
                                                           });
  return all;
}

}  // namespace coppice
