#include "text/decode/token_decoder.h"
#include "text/replace_options.h"

namespace coppice {
namespace {

class ReplaceDecoder : public TokenDecoder {
 public:
  ReplaceDecoder(const ReplaceOptions& options, const std::string& where)
      : pattern_(options.pattern, where), content_(options.content) {}

  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    for (auto& token : tokens) token = pattern_.replace_all(token, content_);
    return tokens;
  }

 private:
  Pattern pattern_;
  std::string content_;
};

}  // namespace

std::unique_ptr<TokenDecoder> make_replace_decoder(const Json& json, const std::string& where) {
  return std::make_unique<ReplaceDecoder>(read_options<ReplaceOptions>(json, where), where);
}

}  // namespace coppice
