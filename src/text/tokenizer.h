#pragma once
// Tokenizers: text -> ids -> text, as the model's own files define them.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/encoding.h"

namespace coppice {

// What encode_full may do to a text beside cutting it into tokens.
struct EncodeOptions {
  bool add_special = true;
  std::optional<Truncation> truncation;
  std::optional<Padding> padding;  // of this one text; pad() makes a batch equally long
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids of `text` (any bytes; malformed UTF-8 is treated as the format prescribes). Special tokens written
  // inside the text are recognised. With `add_special`, the post-processor's own tokens (<s>, </s> …) are
  // added.
  virtual std::vector<TokenId> encode(std::string_view text, bool add_special = true) const = 0;

  // Text of `ids`; special tokens are left out when `skip_special`. Unknown ids are an Error.
  virtual std::string decode(std::span<const TokenId> ids, bool skip_special = true) const = 0;

  // Ids of a text, or of a pair as cross-encoders take it, with segment numbers and with offsets: the bytes of the
  // text, as it was given, that each token stands for.
  Encoding encode_full(std::string_view first, std::optional<std::string_view> second = std::nullopt,
                       const EncodeOptions& options = {}) const;
  // What tokenizer.json itself says about truncation and padding, which encode() leaves alone.
  virtual EncodeOptions file_options() const { return {}; }

  virtual int64_t vocabulary() const = 0;  // highest id + 1
  virtual std::optional<TokenId> find(std::string_view token) const = 0;
  virtual std::string token(TokenId id) const = 0;  // its spelling in the vocabulary
  virtual bool is_special(TokenId id) const = 0;

  // The token that encode(…, true) puts before every text, if it does.
  std::optional<TokenId> leading_token() const;

 protected:
  // The tokens of encode(text, false) with their offsets.
  virtual Encoding trace(std::string_view text) const;
  // Where a text, or the two of a pair, stand among the model's own tokens.
  virtual std::vector<TemplatePart> text_template(bool pair) const;
};

// The tokenizer of a model directory: tokenizer.json, else a SentencePiece model (tokenizer.model, spiece.model,
// sentencepiece.bpe.model), else vocab.json and merges.txt (GPT-2's form), else vocab.txt (BERT's), these with
// added_tokens.json and what tokenizer_config.json says. A GGUF
// file has its own inside. None of them is an Error that says so.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& model_directory);

// Decodes ids one at a time without ever emitting part of a UTF-8 character.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  // The text that `id` adds; empty while a character is incomplete.
  std::string push(TokenId id);
  // What is still held back at the end, malformed bytes replaced by U+FFFD.
  std::string finish();

 private:
  std::string advance(const std::string& text);

  const Tokenizer& tokenizer_;
  std::vector<TokenId> ids_;
  size_t context_ = 0, held_ = 0;  // ids_[context_, held_) are given out, ids_[held_, end) are not
  std::string context_text_;       // text of ids_[context_, held_)
};

}  // namespace coppice
