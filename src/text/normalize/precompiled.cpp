// SentencePiece's character map as Hugging Face tokenizers apply it: a grapheme of less than six bytes is replaced
// as a whole by what its shortest entry says, of others each character by itself. (SentencePiece itself, which
// takes the longest entry at every place, is in sentencepiece/normalizer.h.)

#include <utf8proc.h>

#include "base/base64.h"
#include "base/error.h"
#include "text/normalize/charsmap.h"
#include "text/normalize/normalizer.h"
#include "text/utf8.h"

namespace coppice {
namespace {

constexpr size_t max_whole_grapheme = 5;

struct PrecompiledOptions {
  std::string precompiled_charsmap;
  static void fields(auto& self, auto&& field) {
    field("precompiled_charsmap", self.precompiled_charsmap,
          Field{.help = "SentencePiece's character map in Base64", .required = true});
  }
};

size_t grapheme_end(std::string_view text, size_t begin) {
  utf8proc_int32_t state = 0;
  size_t end = begin;
  char32_t last = next_character(text, end);
  while (end < text.size()) {
    size_t behind = end;
    const char32_t next = next_character(text, behind);
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(last),
                                         static_cast<utf8proc_int32_t>(next), &state))
      break;
    last = next;
    end = behind;
  }
  return end;
}

class PrecompiledNormalizer : public Normalizer {
 public:
  explicit PrecompiledNormalizer(Charsmap map) : map_(std::move(map)) {}

  void apply(Rewrite& rewrite) const override {
    for (size_t begin = 0; begin < rewrite.source().size();) {
      const size_t end = grapheme_end(rewrite.source(), begin);
      append({begin, end}, rewrite);
      begin = end;
    }
  }

 private:
  void append(TextRange grapheme, Rewrite& rewrite) const {
    const std::string_view text = rewrite.source();
    if (grapheme.end - grapheme.begin <= max_whole_grapheme) {
      const auto match = map_.shortest(text.substr(grapheme.begin, grapheme.end - grapheme.begin));
      if (match.length > 0) return rewrite.put(match.text, grapheme);
    }
    for (size_t at = grapheme.begin; at < grapheme.end;) {
      const size_t end = at + utf8_length(text[at]);
      const auto match = map_.shortest(text.substr(at, end - at));
      if (match.length > 0)
        rewrite.put(match.text, {at, end});
      else
        rewrite.keep(at, end);
      at = end;
    }
  }

  Charsmap map_;
};

}  // namespace

std::unique_ptr<Normalizer> make_precompiled_normalizer(const Json& json, const std::string& where) {
  const auto options = read_options<PrecompiledOptions>(json, where);
  const auto blob = decode_base64(options.precompiled_charsmap);
  if (!blob)
    throw Error({.where = where + ".precompiled_charsmap",
                 .found = "malformed Base64",
                 .advice = perhaps_incomplete});
  return std::make_unique<PrecompiledNormalizer>(Charsmap(*blob, where + ".precompiled_charsmap"));
}

}  // namespace coppice
