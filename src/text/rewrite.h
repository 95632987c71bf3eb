#pragma once
// A text that is changed on its way to becoming tokens, and where its bytes come from.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/text_range.h"

namespace coppice {

// For every byte of a changed text the bytes of the original that it stands for. A byte that was put in stands
// for an empty range. Without a byte: origins are not traced.
using Origins = std::vector<TextRange>;

// Where `range` of a text with `origins`, which is not empty, comes from.
TextRange origin_of(const Origins& origins, TextRange range);

// Origins of bytes [begin, end) of a text that was not changed.
Origins same_origins(size_t begin, size_t end);

// Writes a changed text from left to right.
class Rewrite {
 public:
  Rewrite(std::string_view source, bool traces) : source_(source), traces_(traces) {
    text_.reserve(source.size() + source.size() / 2);
  }

  std::string_view source() const { return source_; }
  bool traces() const { return traces_; }

  // Bytes [begin, end) of the source stay as they are.
  void keep(size_t begin, size_t end) {
    text_.append(source_, begin, end - begin);
    for (; traces_ && begin < end; ++begin) origins_.push_back({begin, begin + 1});
  }

  // `text` takes the place of bytes `from` of the source.
  void put(std::string_view text, TextRange from) {
    text_ += text;
    if (traces_) origins_.insert(origins_.end(), text.size(), from);
  }

  // `text` is put before the source's first character and stands for that, as in Hugging Face.
  void put_in_front(std::string_view text) {
    size_t end = 0;
    if (!source_.empty())
      for (++end; end < source_.size() && (static_cast<unsigned char>(source_[end]) & 0xC0) == 0x80;) ++end;
    put(text, {0, end});
  }

  // The whole result at once; as many origins as bytes, if they are traced.
  void replace(std::string text, Origins origins) {
    text_ = std::move(text);
    origins_ = std::move(origins);
  }

  // Takes the last `count` bytes back.
  void drop(size_t count) {
    text_.resize(text_.size() - count);
    if (traces_) origins_.resize(text_.size());
  }

  const std::string& text() const { return text_; }
  std::string take_text() { return std::move(text_); }
  Origins take_origins() { return std::move(origins_); }

 private:
  std::string_view source_;
  bool traces_;
  std::string text_;
  Origins origins_;
};

// A text and where it comes from; `origins` is empty if that is not traced.
struct TracedText {
  std::string text;
  Origins origins;

  bool traced() const { return !origins.empty(); }
  TracedText part(TextRange range) const;
};

// `source` after `change(Rewrite&)`, with origins in what `source` comes from.
template <class Change>
TracedText rewritten(const TracedText& source, Change change) {
  Rewrite rewrite(source.text, source.traced());
  change(rewrite);
  TracedText result{rewrite.take_text(), rewrite.take_origins()};
  for (auto& origin : result.origins) origin = origin_of(source.origins, origin);
  return result;
}

}  // namespace coppice
