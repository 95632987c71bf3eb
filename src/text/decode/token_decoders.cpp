#include "text/decode/token_decoder.h"

namespace coppice {

const Registry<ComponentMaker<TokenDecoder>>& token_decoders() {
  static const Registry<ComponentMaker<TokenDecoder>> all("decoder",
                                                          {
                                                              {"Sequence", make_sequence_decoder},
                                                              {"Replace", make_replace_decoder},
                                                              {"ByteFallback", make_byte_fallback_decoder},
                                                              {"Fuse", make_fuse_decoder},
                                                              {"Strip", make_strip_decoder},
                                                              {"ByteLevel", make_byte_level_decoder},
                                                              {"Metaspace", make_metaspace_decoder},
                                                              {"BPEDecoder", make_bpe_decoder},
                                                              {"WordPiece", make_word_piece_decoder},
                                                              {"CTC", make_ctc_decoder},
                                                          });
  return all;
}

}  // namespace coppice
