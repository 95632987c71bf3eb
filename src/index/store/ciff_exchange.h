#pragma once
// Inverted indexes of other search engines, and ours for them, as CIFF files (format/ciff.h).

#include <filesystem>

#include "index/store/index_reader.h"
#include "index/store/index_writer.h"

namespace coppice {

struct CiffSummary {
  int64_t documents = 0, terms = 0, postings = 0;

  static void fields(auto& self, auto&& field) {
    field("documents", self.documents, Field{.help = "documents"});
    field("terms", self.terms, Field{.help = "different terms"});
    field("postings", self.postings, Field{.help = "pairs of a term and a document"});
  }
};

// Reads the file twice: all lists are checked, and the documents behind them known, before one is written. The index
// has text without positions and nothing else; commits. Lists whose terms do not rise are held in memory.
CiffSummary import_ciff(const std::filesystem::path& file, IndexWriter& writer);

// Writes the live documents' text lists, in our order of documents: of names, falling. Lengths are those that scores
// are made of (length_code.h).
CiffSummary export_ciff(const IndexReader& reader, const std::filesystem::path& file);

}  // namespace coppice
