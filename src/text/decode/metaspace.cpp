#include "text/metaspace.h"

#include "text/decode/token_decoder.h"
#include "text/pattern.h"

namespace coppice {
namespace {

class MetaspaceDecoder : public TokenDecoder {
 public:
  MetaspaceDecoder(const MetaspaceOptions& options, const std::string& where)
      : replacement_({.string = options.replacement}, where),
        prepended_(options.scheme() != PrependScheme::never) {}

  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i)
      tokens[i] = replacement_.replace_all(tokens[i], i == 0 && prepended_ ? "" : " ");
    return tokens;
  }

 private:
  Pattern replacement_;
  bool prepended_;
};

}  // namespace

std::unique_ptr<TokenDecoder> make_metaspace_decoder(const Json& json, const std::string& where) {
  return std::make_unique<MetaspaceDecoder>(read_options<MetaspaceOptions>(json, where), where);
}

}  // namespace coppice
