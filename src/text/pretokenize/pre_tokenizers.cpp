#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {

void append_ranges(const Piece& piece, const std::vector<TextRange>& ranges, std::vector<Piece>& parts) {
  for (const auto& [begin, end] : ranges) {
    Piece& part = parts.emplace_back();
    part.text.assign(piece.text, begin, end - begin);
    part.at_start = piece.at_start && begin == 0;
    if (!piece.origins.empty())
      part.origins.assign(piece.origins.begin() + static_cast<std::ptrdiff_t>(begin),
                          piece.origins.begin() + static_cast<std::ptrdiff_t>(end));
  }
}

const Registry<ComponentMaker<PreTokenizer>>& pre_tokenizers() {
  static const Registry<ComponentMaker<PreTokenizer>> all(
      "pre-tokenizer", {
                           {"Sequence", make_sequence_pre_tokenizer},
                           {"ByteLevel", make_byte_level_pre_tokenizer},
                           {"Split", make_split_pre_tokenizer},
                           {"Digits", make_digits_pre_tokenizer},
                           {"Metaspace", make_metaspace_pre_tokenizer},
                           {"Whitespace", make_whitespace_pre_tokenizer},
                           {"WhitespaceSplit", make_whitespace_split_pre_tokenizer},
                           {"Punctuation", make_punctuation_pre_tokenizer},
                           {"BertPreTokenizer", make_bert_pre_tokenizer},
                           {"CharDelimiterSplit", make_delimiter_pre_tokenizer},
                           {"UnicodeScripts", make_scripts_pre_tokenizer},
                           {"FixedLength", make_fixed_length_pre_tokenizer},
                       });
  return all;
}

}  // namespace coppice
