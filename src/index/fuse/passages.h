#pragma once
// Long documents as overlapping windows of words, each a document of its own in the index (its id is the document's with
// # and a number), and documents ranked by their best window (MaxP, Dai and Callan 2019).

#include "format/collection/collection.h"
#include "index/search/searcher.h"

namespace coppice {

// "d#2" -> "d"; an id without # is a whole document.
std::string_view document_of(std::string_view passage);
std::string passage_id(std::string_view document, size_t number);  // numbers begin with 1

// Cuts texts into windows of `words` words that begin every `step` words; the last one ends with the text. A title goes
// with each, and so does a sparse vector: it is of the whole document, whose best window then has the document's score.
class PassageReader final : public CollectionReader {
 public:
  PassageReader(std::unique_ptr<CollectionReader> documents, const WindowSpec& windows);
  bool next(SourceDocument& document) override;
  int64_t bad_documents() const override { return documents_->bad_documents(); }
  const std::vector<std::string>& bad_examples() const override { return documents_->bad_examples(); }
  uint64_t bytes_read() const override { return documents_->bytes_read(); }
  uint64_t bytes_total() const override { return documents_->bytes_total(); }

  // Documents read, with the number of their windows.
  const std::vector<std::pair<std::string, size_t>>& read() const { return read_; }

 private:
  std::unique_ptr<CollectionReader> documents_;
  WindowSpec windows_;
  SourceDocument document_;
  std::vector<std::string> pieces_;
  size_t next_ = 0;
  std::vector<std::pair<std::string, size_t>> read_;
};

// The windows of a text: places of their first and behind their last byte.
std::vector<std::pair<size_t, size_t>> cut_windows(std::string_view text, const WindowSpec& windows);

// Documents instead of windows: each hit is the document's best window under the document's id. Exact for the k best:
// `search(k)` is asked for more windows until they are of enough documents.
std::vector<Hit> best_passages(size_t k, const std::function<std::vector<Hit>(size_t k)>& search);

}  // namespace coppice
