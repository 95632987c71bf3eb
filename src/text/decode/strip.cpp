#include "text/decode/token_decoder.h"
#include "text/utf8.h"

namespace coppice {
namespace {

struct StripOptions {
  std::string content;
  int64_t start = 0, stop = 0;
  static void fields(auto& self, auto&& field) {
    field("content", self.content, Field{.help = "the character that is removed", .required = true});
    field("start", self.start,
          Field{.help = "how often at most at the beginning", .min = 0, .max = 1 << 30, .required = true});
    field("stop", self.stop,
          Field{.help = "how often at most at the end", .min = 0, .max = 1 << 30, .required = true});
  }
};

class StripDecoder : public TokenDecoder {
 public:
  explicit StripDecoder(StripOptions options) : options_(std::move(options)) {}

  std::vector<std::string> apply(std::vector<std::string> tokens) const override {
    const std::string& content = options_.content;
    for (auto& token : tokens) {
      std::string_view rest = token;
      for (int64_t i = 0; i < options_.start && rest.starts_with(content); ++i)
        rest.remove_prefix(content.size());
      for (int64_t i = 0; i < options_.stop && rest.ends_with(content); ++i)
        rest.remove_suffix(content.size());
      token = std::string(rest);
    }
    return tokens;
  }

 private:
  StripOptions options_;
};

}  // namespace

std::unique_ptr<TokenDecoder> make_strip_decoder(const Json& json, const std::string& where) {
  auto options = read_options<StripOptions>(json, where);
  if (options.content.empty() || utf8_length(options.content[0]) != options.content.size())
    throw Error({.where = where + ".content",
                 .found = fmt::format("'{}'", options.content),
                 .expected = "one character"});
  return std::make_unique<StripDecoder>(std::move(options));
}

}  // namespace coppice
