#include "text/decode/token_decoder.h"

namespace coppice {
namespace {

class SequenceDecoder : public TokenDecoder {
 public:
  explicit SequenceDecoder(std::vector<std::unique_ptr<TokenDecoder>> parts) : parts_(std::move(parts)) {}

  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    for (const auto& part : parts_) tokens = part->apply(std::move(tokens));
    return tokens;
  }

 private:
  std::vector<std::unique_ptr<TokenDecoder>> parts_;
};

}  // namespace

std::unique_ptr<TokenDecoder> make_sequence_decoder(const Json& json, const std::string& where) {
  return std::make_unique<SequenceDecoder>(make_sequence(token_decoders(), json, "decoders", where));
}

}  // namespace coppice
