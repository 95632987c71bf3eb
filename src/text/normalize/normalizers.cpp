#include "text/normalize/normalizer.h"

namespace coppice {

const Registry<ComponentMaker<Normalizer>>& normalizers() {
  static const Registry<ComponentMaker<Normalizer>> all("normalizer",
                                                        {
                                                            {"Sequence", make_sequence_normalizer},
                                                            {"Prepend", make_prepend_normalizer},
                                                            {"Replace", make_replace_normalizer},
                                                            {"NFC", make_nfc_normalizer},
                                                            {"NFD", make_nfd_normalizer},
                                                            {"NFKC", make_nfkc_normalizer},
                                                            {"NFKD", make_nfkd_normalizer},
                                                            {"Lowercase", make_lowercase_normalizer},
                                                            {"Strip", make_strip_normalizer},
                                                            {"Precompiled", make_precompiled_normalizer},
                                                            {"BertNormalizer", make_bert_normalizer},
                                                            {"StripAccents", make_strip_accents_normalizer},
                                                            {"Nmt", make_nmt_normalizer},
                                                            {"ByteLevel", make_byte_level_normalizer},
                                                        });
  return all;
}

}  // namespace coppice
