#include "text/decode/token_decoder.h"

namespace coppice {
namespace {

class FuseDecoder : public TokenDecoder {
 public:
  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    std::string all;
    for (const auto& token : tokens) all += token;
    return {all};
  }
};

}  // namespace

std::unique_ptr<TokenDecoder> make_fuse_decoder(const Json& json, const std::string& where) {
  read_options<NoOptions>(json, where);
  return std::make_unique<FuseDecoder>();
}

}  // namespace coppice
