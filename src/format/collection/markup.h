#pragma once
// Tags and text of HTML, XML and SGML in their order, without a tree: whatever the nesting, the time is linear and the
// memory constant. What is between comment marks, doctypes and processing instructions are passed over; a tag that is
// never closed ends with the text, as browsers have it.

#include <string>
#include <string_view>

namespace coppice {

struct MarkupToken {
  enum Kind { text, begin_tag, end_tag } kind = text;
  std::string name;          // of a tag, in lower case
  std::string_view content;  // the text, its references as they stand; or a tag's attributes
};

class MarkupReader {
 public:
  explicit MarkupReader(std::string_view text) : text_(text) {}

  bool next(MarkupToken& token);
  // Everything up to the end tag of that name, which comes next: scripts have no tags in them.
  std::string_view raw_until(std::string_view name);
  // Where the reader stands.
  size_t at() const { return at_; }

 private:
  bool skip_declaration();
  size_t end_of_tag(size_t from) const;

  std::string_view text_;
  size_t at_ = 0;
};

// The value of an attribute, references decoded; empty if the tag has none.
std::string attribute(std::string_view attributes, std::string_view name);

// The first place at or after `from` where `lower` stands, in letters of either case, or npos.
size_t find_ignoring_case(std::string_view text, std::string_view lower, size_t from = 0);

std::string to_lower_ascii(std::string_view text);

// The text with runs of white space as one space each, and none at its ends.
std::string squeezed(std::string_view text);

}  // namespace coppice
