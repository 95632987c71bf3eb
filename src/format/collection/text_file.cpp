// A text file is one document. Its first line, if it is short and an empty one follows, is the title.

#include "base/strings.h"
#include "format/collection/document_reader.h"

namespace coppice {

void read_text_file(const std::string& text, SourceDocument& document) {
  constexpr size_t longest_title = 120;
  std::string_view rest = trim(text);
  const size_t end = rest.find('\n');
  const auto first = trim(rest.substr(0, end));
  if (end != rest.npos && first.size() <= longest_title) {
    const auto behind = rest.substr(end + 1);
    const size_t second = behind.find('\n');
    if (second != behind.npos && trim(behind.substr(0, second)).empty()) {
      add_field(document, "title", std::string(first));
      rest = trim(behind);
    }
  }
  add_field(document, "text", std::string(rest));
}

}  // namespace coppice
