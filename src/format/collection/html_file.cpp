// The text of a web page as a reader sees it: the title, the headings, and the rest with a line per block.

#include <algorithm>

#include "format/collection/document_reader.h"
#include "format/collection/entities.h"
#include "format/collection/markup.h"

namespace coppice {
namespace {

constexpr std::string_view unseen[] = {"script", "style",  "noscript", "template", "svg",
                                       "math",   "iframe", "object",   "select"};
constexpr std::string_view inline_tags[] = {
    "a",   "abbr", "acronym", "b",    "bdi",  "bdo",   "big", "cite",  "code",   "data",
    "del", "dfn",  "em",      "font", "i",    "ins",   "kbd", "label", "mark",   "q",
    "rp",  "rt",   "ruby",    "s",    "samp", "small", "sub", "span",  "strike", "strong",
    "sup", "time", "tt",      "u",    "var",  "wbr",   "nobr"};

template <size_t n>
bool contains(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

class HtmlText {
 public:
  explicit HtmlText(const std::string& page) : reader_(page) {}

  void read(SourceDocument& document) {
    for (MarkupToken token; reader_.next(token);) {
      if (token.kind == MarkupToken::text)
        put(token.content);
      else if (token.kind == MarkupToken::begin_tag)
        begin(token, document);
      else
        end(token);
    }
    end_line();
    if (title_.empty()) title_ = first_heading_;
    add_field(document, "title", std::move(title_));
    add_field(document, "headings", std::move(headings_));
    add_field(document, "text", std::move(text_));
  }

 private:
  void begin(const MarkupToken& token, SourceDocument& document) {
    const auto& name = token.name;
    if (contains(unseen, name)) {
      if (!token.content.ends_with('/')) reader_.raw_until(name);
    } else if (name == "title") {
      const auto title = squeezed(decode_entities(reader_.raw_until("title")));
      if (title_.empty()) title_ = title;
    } else if (name == "html") {
      if (auto language = attribute(token.content, "lang"); !language.empty())
        document.metadata["language"] = std::move(language);
    } else if (name == "img") {
      put(" " + attribute(token.content, "alt") + " ");
    } else if (name == "td" || name == "th") {
      line_ += "  ";
    } else if (is_heading(name)) {
      end_line();
      heading_ = true;
    } else if (!contains(inline_tags, name)) {
      end_line();
    }
  }

  void end(const MarkupToken& token) {
    if (token.name == "td" || token.name == "th" || contains(inline_tags, token.name)) return;
    end_line();
    if (is_heading(token.name)) heading_ = false;
  }

  static bool is_heading(std::string_view name) {
    return name.size() == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6';
  }

  void put(std::string_view text) {
    if (text.find('&') == text.npos)
      line_ += text;
    else
      line_ += decode_entities(text);
  }

  void end_line() {
    const std::string line = squeezed(line_);
    line_.clear();
    if (line.empty()) return;
    auto& into = heading_ ? headings_ : text_;
    if (heading_ && first_heading_.empty()) first_heading_ = line;
    if (!into.empty()) into += '\n';
    into += line;
  }

  MarkupReader reader_;
  std::string title_, first_heading_, headings_, text_, line_;
  bool heading_ = false;
};

}  // namespace

void read_html_file(const std::string& text, SourceDocument& document) {
  HtmlText(text).read(document);
}

}  // namespace coppice
