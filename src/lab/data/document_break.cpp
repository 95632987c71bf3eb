#include "lab/data/document_break.h"

#include "base/strings.h"

namespace coppice::lab {
namespace {

constexpr std::string_view marker = "<|endoftext|>";

bool is_break(std::string_view line, DocumentBreak by) {
  switch (by) {
    case DocumentBreak::marker:
      return trim(line) == marker;
    case DocumentBreak::empty_line:
      return trim(line).empty();
    case DocumentBreak::file:
      break;
  }
  return false;
}

std::string_view without_blank_edges(std::string_view text) {
  while (!text.empty() && (text.front() == '\n' || text.front() == '\r')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::vector<std::string_view> split_documents(std::string_view text, DocumentBreak by) {
  std::vector<std::string_view> documents;
  size_t begin = 0;
  const auto close = [&](size_t end) {
    const std::string_view document = without_blank_edges(text.substr(begin, end - begin));
    if (!trim(document).empty()) documents.push_back(document);
  };
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (is_break(text.substr(at, end - at), by)) {
      close(at);
      begin = std::min(end + 1, text.size());
    }
    at = end + 1;
  }
  close(text.size());
  return documents;
}

}  // namespace coppice::lab
