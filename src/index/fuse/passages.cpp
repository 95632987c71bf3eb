#include "index/fuse/passages.h"

#include <algorithm>
#include <unordered_set>

namespace coppice {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

}  // namespace

std::string_view document_of(std::string_view passage) {
  return passage.substr(0, passage.rfind('#'));
}

std::string passage_id(std::string_view document, size_t number) {
  return fmt::format("{}#{}", document, number);
}

std::vector<std::pair<size_t, size_t>> cut_windows(std::string_view text, const WindowSpec& windows) {
  std::vector<std::pair<size_t, size_t>> words, cuts;
  for (size_t at = 0; at < text.size();) {
    while (at < text.size() && is_space(text[at])) ++at;
    const size_t begin = at;
    while (at < text.size() && !is_space(text[at])) ++at;
    if (at > begin) words.emplace_back(begin, at);
  }
  const auto length = static_cast<size_t>(windows.words), step = static_cast<size_t>(windows.step);
  for (size_t first = 0; first < words.size(); first += step) {
    const size_t last = std::min(first + length, words.size()) - 1;
    cuts.emplace_back(words[first].first, words[last].second);
    if (last + 1 == words.size()) break;
  }
  if (cuts.empty()) cuts.emplace_back(0, 0);
  return cuts;
}

PassageReader::PassageReader(std::unique_ptr<CollectionReader> documents, const WindowSpec& windows)
    : documents_(std::move(documents)), windows_(windows) {}

bool PassageReader::next(SourceDocument& document) {
  if (next_ == pieces_.size()) {
    if (!documents_->next(document_)) return false;
    std::string text;
    for (const auto& [name, content] : document_.fields)
      if (name != "title") text += (text.empty() ? "" : "\n") + content;
    pieces_.clear();
    for (const auto& [begin, end] : cut_windows(text, windows_))
      pieces_.push_back(text.substr(begin, end - begin));
    next_ = 0;
    read_.emplace_back(document_.id, pieces_.size());
  }
  document.id = passage_id(document_.id, next_ + 1);
  document.metadata = document_.metadata;
  document.sparse = document_.sparse;
  document.where = document_.where;
  document.fields.clear();
  for (const auto& field : document_.fields)
    if (field.first == "title") document.fields.push_back(field);
  document.fields.emplace_back("text", std::move(pieces_[next_++]));
  return true;
}

std::vector<Hit> best_passages(size_t k, const std::function<std::vector<Hit>(size_t k)>& search) {
  for (size_t wanted = 2 * k + 8;; wanted *= 2) {
    const auto passages = search(wanted);
    std::vector<Hit> documents;
    std::unordered_set<std::string_view> seen;
    for (const Hit& passage : passages) {
      const std::string_view id = document_of(passage.id);
      if (!seen.insert(id).second) continue;
      documents.push_back(passage);
      documents.back().id = id;
    }
    // Of documents that tie with the k-th, all have to be known.
    if (passages.size() < wanted ||
        (documents.size() > k && documents.back().score < documents[k > 0 ? k - 1 : 0].score)) {
      rank(documents, k);
      return documents;
    }
  }
}

}  // namespace coppice
