// CharDelimiterSplit: cut at one character, which goes.

#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {
namespace {

struct DelimiterOptions {
  std::string delimiter;
  static void fields(auto& self, auto&& field) {
    field("delimiter", self.delimiter, Field{.help = "one character", .required = true});
  }
};

class DelimiterPreTokenizer : public PreTokenizer {
 public:
  DelimiterPreTokenizer(const DelimiterOptions& options, const std::string& where)
      : delimiter_({.string = options.delimiter}, where) {}

  void cut(Piece piece, std::vector<Piece>& parts) const override {
    const auto segments = cover(delimiter_.find_all(piece.text), piece.text.size());
    append_ranges(piece, split_by(segments, SplitBehavior::removed), parts);
  }

 private:
  Pattern delimiter_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_delimiter_pre_tokenizer(const Json& json, const std::string& where) {
  const auto options = read_options<DelimiterOptions>(json, where);
  if (options.delimiter.empty() || utf8_length(options.delimiter[0]) != options.delimiter.size())
    throw Error({.where = where + ".delimiter",
                 .found = fmt::format("'{}'", options.delimiter),
                 .expected = "one character"});
  return std::make_unique<DelimiterPreTokenizer>(options, where);
}

}  // namespace coppice
