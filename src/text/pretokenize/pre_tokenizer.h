#pragma once
// Pre-tokenizers cut a text into words, over which the subword model never merges. One file each;
// `pre_tokenizers()` is the list.

#include <memory>
#include <string>
#include <vector>

#include "text/component.h"
#include "text/pattern.h"

namespace coppice {

// A part of the text on its way to becoming words.
struct Piece {
  std::string text;
  bool at_start = false;  // begins where the whole text begins
  Origins origins;        // where its bytes come from; empty if that is not traced

  // Changes the text by `change(Rewrite&)`.
  template <class Change>
  void rewrite(Change change) {
    TracedText changed = rewritten({std::move(text), std::move(origins)}, change);
    text = std::move(changed.text);
    origins = std::move(changed.origins);
  }
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Appends the parts of `piece`, which is not empty.
  virtual void cut(Piece piece, std::vector<Piece>& parts) const = 0;
  // True if every byte of the text has a spelling, so that malformed UTF-8 need not be replaced
  // (shelter_bytes).
  virtual bool keeps_bytes() const { return false; }
};

// Appends the parts of `piece` at `ranges`.
void append_ranges(const Piece& piece, const std::vector<TextRange>& ranges, std::vector<Piece>& parts);

const Registry<ComponentMaker<PreTokenizer>>& pre_tokenizers();

std::unique_ptr<PreTokenizer> make_sequence_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_byte_level_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_split_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_digits_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_metaspace_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_whitespace_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_whitespace_split_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_punctuation_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_delimiter_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_scripts_pre_tokenizer(const Json& json, const std::string& where);
std::unique_ptr<PreTokenizer> make_fixed_length_pre_tokenizer(const Json& json, const std::string& where);

}  // namespace coppice
