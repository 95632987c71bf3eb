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

namespace coppice {

using TokenId = int32_t;

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids of `text` (any bytes; malformed UTF-8 is treated as the format prescribes). Special tokens written
  // inside the text are recognised. With `add_special`, the post-processor's own tokens (<s>, </s> …) are
  // added.
  virtual std::vector<TokenId> encode(std::string_view text, bool add_special = true) const = 0;

  // Text of `ids`; special tokens are left out when `skip_special`. Unknown ids are an Error.
  virtual std::string decode(std::span<const TokenId> ids, bool skip_special = true) const = 0;

  virtual int64_t vocabulary() const = 0;  // highest id + 1
  virtual std::optional<TokenId> find(std::string_view token) const = 0;
  virtual std::string token(TokenId id) const = 0;  // its spelling in the vocabulary
  virtual bool is_special(TokenId id) const = 0;

  // The token that encode(…, true) puts before every text, if it does.
  std::optional<TokenId> leading_token() const;
};

// The tokenizer of a model directory: tokenizer.json, else tokenizer.model; or the one inside a GGUF file.
// None of them is an Error that says so.
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
