#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {
namespace {

struct SplitOptions {
  PatternOptions pattern;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;
  static void fields(auto& self, auto&& field) {
    field("pattern", self.pattern, Field{.help = "where the text is cut", .required = true});
    field("behavior", self.behavior, Field{.help = "what becomes of a match", .required = true});
    field("invert", self.invert, Field{.help = "what does not match counts as matching"});
  }
};

class SplitPreTokenizer : public PreTokenizer {
 public:
  SplitPreTokenizer(const SplitOptions& options, const std::string& where)
      : pattern_(options.pattern, where), behavior_(options.behavior), invert_(options.invert) {}

  void cut(Piece piece, std::vector<Piece>& parts) const override {
    auto segments = cover(pattern_.find_all(piece.text), piece.text.size());
    for (auto& segment : segments) segment.match = segment.match != invert_;
    append_ranges(piece, split_by(segments, behavior_), parts);
  }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_split_pre_tokenizer(const Json& json, const std::string& where) {
  return std::make_unique<SplitPreTokenizer>(read_options<SplitOptions>(json, where), where);
}

}  // namespace coppice
