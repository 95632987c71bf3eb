#pragma once
// Decoders: the spellings of tokens -> text. One file each; `token_decoders()` is the list.

#include <memory>
#include <string>
#include <vector>

#include "text/component.h"

namespace coppice {

class TokenDecoder {
 public:
  virtual ~TokenDecoder() = default;
  // What the tokens become; the text is the concatenation after the last decoder.
  virtual std::vector<std::string> apply(std::vector<std::string> tokens) const = 0;
};

const Registry<ComponentMaker<TokenDecoder>>& token_decoders();

std::unique_ptr<TokenDecoder> make_sequence_decoder(const Json& json, const std::string& where);
std::unique_ptr<TokenDecoder> make_replace_decoder(const Json& json, const std::string& where);
std::unique_ptr<TokenDecoder> make_byte_fallback_decoder(const Json& json, const std::string& where);
std::unique_ptr<TokenDecoder> make_fuse_decoder(const Json& json, const std::string& where);
std::unique_ptr<TokenDecoder> make_strip_decoder(const Json& json, const std::string& where);
std::unique_ptr<TokenDecoder> make_byte_level_decoder(const Json& json, const std::string& where);
std::unique_ptr<TokenDecoder> make_metaspace_decoder(const Json& json, const std::string& where);
std::unique_ptr<TokenDecoder> make_bpe_decoder(const Json& json, const std::string& where);
std::unique_ptr<TokenDecoder> make_word_piece_decoder(const Json& json, const std::string& where);
std::unique_ptr<TokenDecoder> make_ctc_decoder(const Json& json, const std::string& where);

}  // namespace coppice
