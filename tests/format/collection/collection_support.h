#pragma once
// What the tests of collections share.

#include <string>
#include <string_view>
#include <vector>

#include <zlib.h>
#include <zstd.h>

#include "format/collection/collection.h"
#include "support.h"

namespace coppice::test {

inline std::string gzipped(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

inline std::string zstd_packed(std::string_view text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

inline CollectionOptions of_format(CollectionFormat format, bool skip_bad = false) {
  CollectionOptions options;
  options.format = format;
  options.skip_bad = skip_bad;
  return options;
}

struct Collected {
  std::vector<SourceDocument> documents;
  int64_t bad = 0;
  std::vector<std::string> bad_examples;
};

inline Collected collect(CollectionReader& reader) {
  Collected all;
  for (SourceDocument document; reader.next(document); document = {}) all.documents.push_back(document);
  all.bad = reader.bad_documents();
  all.bad_examples = reader.bad_examples();
  return all;
}

inline Collected collect(std::string_view bytes, const CollectionOptions& options = {}) {
  return collect(*open_collection_bytes(bytes, "input", options));
}

// "id|title=…|text=…" for every document.
inline std::vector<std::string> shown(const Collected& all) {
  std::vector<std::string> lines;
  for (const auto& document : all.documents) {
    lines.push_back(document.id);
    for (const auto& [name, content] : document.fields) lines.back() += "|" + name + "=" + content;
  }
  return lines;
}

inline std::vector<std::string> shown(std::string_view bytes, const CollectionOptions& options = {}) {
  return shown(collect(bytes, options));
}

}  // namespace coppice::test
