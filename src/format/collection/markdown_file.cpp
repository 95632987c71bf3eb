// Markdown (CommonMark and the tables of GitHub) as text: no marks of emphasis, links by their words, code as it stands.
// Titles of sections are a field of their own; the title is that of the front matter, else the first heading.

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "format/collection/document_reader.h"
#include "format/collection/entities.h"
#include "format/collection/markup.h"

namespace coppice {
namespace {

std::string_view without_indent(std::string_view line) {
  return line.substr(std::min(line.find_first_not_of(" \t"), line.size()));
}

// The length of a fence of code (``` or ~~~) at the begin of the line; 0 if there is none.
size_t fence(std::string_view line) {
  if (line.empty() || (line[0] != '`' && line[0] != '~')) return 0;
  const size_t length = std::min(line.find_first_not_of(line[0]), line.size());
  if (length < 3 || (line[0] == '`' && line.find('`', length) != line.npos)) return 0;
  return length;
}

bool is_made_of(std::string_view line, std::string_view characters) {
  return !line.empty() && line.find_first_not_of(characters) == line.npos;
}

bool is_reference(std::string_view line) {
  const size_t end = line.find("]:");
  return line.starts_with('[') && end != line.npos && end > 1 && line.find(']') == end;
}

// Marks of quotes, lists and tasks at the begin of a line.
std::string_view without_block_marks(std::string_view line) {
  for (;;) {
    line = without_indent(line);
    const size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
    if (line.starts_with('>')) {
      line.remove_prefix(1);
    } else if (line.size() > 1 && std::string_view("-+*").find(line[0]) != line.npos && line[1] == ' ') {
      line.remove_prefix(2);
    } else if (digits > 0 && digits < 10 && line.size() > digits + 1 &&
               (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ') {
      line.remove_prefix(digits + 2);
    } else if (line.starts_with("[ ] ") || line.starts_with("[x] ") || line.starts_with("[X] ")) {
      line.remove_prefix(4);
    } else {
      return line;
    }
  }
}

bool is_word_byte(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

// The words of a line or paragraph without marks.
class Inline {
 public:
  explicit Inline(std::string_view text) : text_(text) {}

  std::string plain() {
    while (at_ < text_.size()) step();
    return decode_entities(into_);
  }

 private:
  void step() {
    const char c = text_[at_];
    const char after = at_ + 1 < text_.size() ? text_[at_ + 1] : ' ';
    if (c == '\\' && std::string_view("\\`*_{}[]<>()#+-.!|~\"'").find(after) != std::string_view::npos) {
      into_ += after;
      at_ += 2;
    } else if (c == '`') {
      code();
    } else if (c == '!' && after == '[') {
      ++at_;
    } else if (c == '[') {
      ++at_;
    } else if (c == ']') {
      target();
    } else if (c == '<') {
      tag(after);
    } else if (c == '*' || (c == '~' && after == '~')) {
      emphasis(c);
    } else if (c == '_') {
      const bool within = at_ > 0 && is_word_byte(text_[at_ - 1]) && is_word_byte(after);
      if (within) into_ += c;
      ++at_;
    } else {
      into_ += c;
      ++at_;
    }
  }

  void code() {
    const size_t length = std::min(text_.find_first_not_of('`', at_), text_.size()) - at_;
    const size_t begin = at_ + length;
    size_t end = begin;
    for (size_t tried = 0; tried < 64; ++tried) {
      end = text_.find(text_.substr(at_, length), end);
      if (end == text_.npos) break;
      const size_t run = std::min(text_.find_first_not_of('`', end), text_.size()) - end;
      if (run == length) break;
      end += run;
    }
    if (end == text_.npos || end >= text_.size()) {
      at_ = begin;
      return;
    }
    into_ += text_.substr(begin, end - begin);
    at_ = end + length;
  }

  // At the ] of a link: passes over its (target) or [reference].
  void target() {
    ++at_;
    const char open = at_ < text_.size() ? text_[at_] : ' ';
    if (open != '(' && open != '[') return;
    constexpr size_t longest = 1024;
    int64_t depth = 0;
    for (size_t at = at_; at < std::min(text_.size(), at_ + longest); ++at) {
      if (text_[at] == open) ++depth;
      if (text_[at] == (open == '(' ? ')' : ']') && --depth == 0) {
        at_ = at + 1;
        return;
      }
    }
  }

  void tag(char after) {
    const size_t end = text_.find_first_of("<>", at_ + 1);
    const bool closed = end != text_.npos && text_[end] == '>';
    const auto inner = closed ? text_.substr(at_ + 1, end - at_ - 1) : std::string_view();
    const bool is_address = inner.find("://") != inner.npos || inner.find('@') != inner.npos;
    if (closed && is_address && inner.find(' ') == inner.npos) {
      into_ += inner;
      at_ = end + 1;
    } else if (closed && (is_word_byte(after) || after == '/' || after == '!')) {
      at_ = end + 1;
    } else {
      into_ += '<';
      ++at_;
    }
  }

  // A mark has a word at one side; with space on both sides it is a character.
  void emphasis(char c) {
    const size_t end = std::min(text_.find_first_not_of(c, at_), text_.size());
    const bool left = at_ > 0 && text_[at_ - 1] != ' ', right = end < text_.size() && text_[end] != ' ';
    if (!left && !right) into_ += text_.substr(at_, end - at_);
    at_ = end;
  }

  std::string_view text_;
  std::string into_;
  size_t at_ = 0;
};

class MarkdownText {
 public:
  void read(std::string_view text, SourceDocument& document) {
    text = front_matter(text);
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      auto line = text.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      text.remove_prefix(std::min(end + 1, text.size()));
      add_line(line);
    }
    end_paragraph();
    if (title_.empty()) title_ = first_heading_;
    add_field(document, "title", std::move(title_));
    add_field(document, "headings", std::move(headings_));
    add_field(document, "text", std::string(trim(text_)));
  }

 private:
  std::string_view front_matter(std::string_view text) {
    if (!text.starts_with("---\n") && !text.starts_with("---\r\n")) return text;
    const size_t end = text.find("\n---", 3);
    if (end == text.npos) return text;
    for (const auto& line : split(text.substr(0, end), '\n'))
      if (line.starts_with("title:")) {
        auto title = trim(std::string_view(line).substr(6));
        if (title.size() > 1 && (title[0] == '"' || title[0] == '\'') && title.ends_with(title[0]))
          title = title.substr(1, title.size() - 2);
        title_ = title;
      }
    const size_t next = text.find('\n', end + 1);
    return next == text.npos ? std::string_view() : text.substr(next + 1);
  }

  void add_line(std::string_view line) {
    const auto bare = trim(line);
    if (fence_ > 0) {
      const auto inner = without_indent(line);
      if (fence(inner) >= fence_ && inner[0] == fence_mark_ && is_made_of(trim(inner), {&fence_mark_, 1}))
        fence_ = 0;
      else
        put(line, "\n");
      return;
    }
    const auto content = without_block_marks(line);
    if (const size_t length = fence(content); length > 0) {
      end_paragraph();
      fence_ = length;
      fence_mark_ = content[0];
    } else if (bare.empty()) {
      end_paragraph();
      if (!text_.empty()) gap_ = true;
    } else if (!paragraph_.empty() && (is_made_of(bare, "=") || is_made_of(bare, "-"))) {
      heading(paragraph_);
      paragraph_.clear();
    } else if (is_made_of(bare, "-* _") && bare.size() > 2) {
      end_paragraph();
    } else if (bare[0] == '#' && bare.find_first_not_of('#') < 7 &&
               bare[bare.find_first_not_of('#')] == ' ') {
      end_paragraph();
      auto words = trim(bare.substr(bare.find_first_not_of('#')));
      const size_t last = words.find_last_not_of('#');
      if (last != words.npos && words[last] == ' ') words = trim(words.substr(0, last));
      heading(words);
    } else if (is_reference(bare)) {
      end_paragraph();
    } else if (bare[0] == '|') {
      end_paragraph();
      if (is_made_of(bare, "|-: ")) return;
      std::string cells(bare);
      std::replace(cells.begin(), cells.end(), '|', ' ');
      put(squeezed(Inline(cells).plain()), "\n");
    } else {
      if (content.size() != line.size()) end_paragraph();
      if (!paragraph_.empty()) paragraph_ += '\n';
      paragraph_ += trim(content);
    }
  }

  void heading(std::string_view words) {
    const std::string plain = squeezed(Inline(words).plain());
    if (plain.empty()) return;
    gap_ = !text_.empty();
    if (first_heading_.empty()) {
      first_heading_ = plain;
      if (title_.empty()) return;
    }
    if (!headings_.empty()) headings_ += '\n';
    headings_ += plain;
  }

  void end_paragraph() {
    if (paragraph_.empty()) return;
    const std::string plain = Inline(paragraph_).plain();
    paragraph_.clear();
    if (!trim(plain).empty()) put(trim(plain), "\n");
  }

  void put(std::string_view text, std::string_view separator) {
    if (!text_.empty()) text_ += gap_ ? "\n\n" : separator;
    gap_ = false;
    text_ += text;
  }

  std::string title_, first_heading_, headings_, text_, paragraph_;
  size_t fence_ = 0;
  char fence_mark_ = '`';
  bool gap_ = false;
};

}  // namespace

void read_markdown_file(const std::string& text, SourceDocument& document) {
  MarkdownText().read(text, document);
}

}  // namespace coppice
