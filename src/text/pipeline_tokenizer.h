#pragma once
// The tokenizer that a tokenizer.json describes: added tokens are cut out, the text between them is
// normalized, cut into words, encoded by the subword model and finished by the post-processor; decoding runs
// the decoder.

#include <memory>
#include <string>
#include <vector>

#include "text/added_tokens.h"
#include "text/decode/token_decoder.h"
#include "text/normalize/normalizer.h"
#include "text/postprocess/post_processor.h"
#include "text/pretokenize/pre_tokenizer.h"
#include "text/subword/subword_model.h"
#include "text/tokenizer.h"

namespace coppice {

class PipelineTokenizer : public Tokenizer {
 public:
  // Every part but the model may be missing (null in the file).
  struct Parts {
    std::unique_ptr<Normalizer> normalizer;
    std::unique_ptr<PreTokenizer> pre_tokenizer;
    std::unique_ptr<SubwordModel> model;
    std::unique_ptr<PostProcessor> post_processor;
    std::unique_ptr<TokenDecoder> decoder;
    std::vector<AddedToken> added_tokens;
    std::optional<Truncation> truncation;
    std::optional<Padding> padding;
  };

  PipelineTokenizer(Parts parts, const std::string& where);

  std::vector<TokenId> encode(std::string_view text, bool add_special) const override;
  std::string decode(std::span<const TokenId> ids, bool skip_special) const override;
  int64_t vocabulary() const override;
  std::optional<TokenId> find(std::string_view token) const override;
  std::string token(TokenId id) const override;
  bool is_special(TokenId id) const override;
  EncodeOptions file_options() const override;

 private:
  // What becomes of a text: only ids, or ids and offsets in `text`.
  struct Output {
    std::vector<TokenId> ids;
    Encoding* traced = nullptr;
    std::string_view text;
  };

  Encoding trace(std::string_view text) const override;
  std::vector<TemplatePart> text_template(bool pair) const override;
  void encode_text(std::string_view text, Output& output) const;
  void encode_stretch(TracedText stretch, bool at_start, Output& output) const;
  void encode_normalized(TracedText text, bool at_start, Output& output) const;
  void encode_word(const Piece& word, Output& output) const;
  void add_token(TokenId id, const Origins& origins, TextRange range, Output& output) const;
  std::string normalize(std::string_view text) const;
  bool keeps_bytes() const;

  Parts parts_;
  AddedTokens added_;
  std::string where_;
};

// Reads a tokenizer.json. An unsupported kind of component is an Error that names it and the known ones.
std::unique_ptr<Tokenizer> read_pipeline_tokenizer(std::string_view json, const std::string& where);

}  // namespace coppice
