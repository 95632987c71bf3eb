#include "text/metaspace.h"

#include "text/pretokenize/pre_tokenizer.h"

namespace coppice {
namespace {

class MetaspacePreTokenizer : public PreTokenizer {
 public:
  MetaspacePreTokenizer(const MetaspaceOptions& options, const std::string& where)
      : space_({.string = " "}, where),
        replacement_({.string = options.replacement}, where),
        mark_(options.replacement),
        scheme_(options.scheme()),
        split_(options.split) {}

  void cut(Piece piece, std::vector<Piece>& parts) const override {
    const bool wanted =
        scheme_ == PrependScheme::always || (scheme_ == PrependScheme::first && piece.at_start);
    const bool prepends = wanted && !piece.text.starts_with(' ') && !piece.text.starts_with(mark_);
    piece.rewrite([&](Rewrite& rewrite) {
      if (prepends) rewrite.put_in_front(mark_);
      space_.replace_all(rewrite, mark_);
    });
    if (!split_) return parts.push_back(std::move(piece));
    const auto segments = cover(replacement_.find_all(piece.text), piece.text.size());
    append_ranges(piece, split_by(segments, SplitBehavior::merged_with_next), parts);
  }

 private:
  Pattern space_, replacement_;
  std::string mark_;
  PrependScheme scheme_;
  bool split_;
};

}  // namespace

std::unique_ptr<PreTokenizer> make_metaspace_pre_tokenizer(const Json& json, const std::string& where) {
  return std::make_unique<MetaspacePreTokenizer>(read_options<MetaspaceOptions>(json, where), where);
}

}  // namespace coppice
