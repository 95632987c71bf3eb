#pragma once
// Reads a collection into an index, in batches that are analysed on all threads, with progress.

#include <functional>

#include "format/collection/collection.h"
#include "index/store/index_writer.h"

namespace coppice {

struct IngestReport {
  int64_t documents = 0, replaced = 0, bad = 0, without_text = 0;
  double seconds = 0;
  std::vector<std::string> bad_examples;
  std::vector<std::string> warnings;  // of the language of texts that the analyzer is not made for

  double per_second() const { return seconds > 0 ? static_cast<double>(documents) / seconds : 0; }
};

// Adds what belongs to documents and lies elsewhere: vectors, say.
using Attach = std::function<void(std::span<IndexedDocument>)>;

// `replaced` counts documents that took the place of others. Nothing is merged, everything is committed. With `skip_bad`,
// documents that the index refuses are left out and counted.
IngestReport ingest(CollectionReader& reader, IndexWriter& writer, const Attach& attach = {},
                    bool skip_bad = false);

}  // namespace coppice
