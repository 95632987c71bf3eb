#pragma once
// What holds for a reader of collections whatever the bytes: it ends, bad documents are skipped and counted, and what it
// gives is well-formed.

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "base/strings.h"
#include "format/collection/collection.h"

inline void read_any_collection(const uint8_t* data, size_t size, coppice::CollectionFormat format) {
  using namespace coppice;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CollectionOptions options;
  options.format = format;
  options.skip_bad = true;
  try {
    const auto reader = open_collection_bytes(bytes, "input", options);
    for (SourceDocument document; reader->next(document);) {
      COPPICE_CHECK(!document.id.empty() && is_utf8(document.id));
      COPPICE_CHECK(document.metadata.is_object());
      for (const auto& [name, content] : document.fields) {
        COPPICE_CHECK(!content.empty());
        COPPICE_CHECK(is_utf8(name) && is_utf8(content));
      }
    }
    COPPICE_CHECK(reader->bytes_read() <= size);
  } catch (const Error& error) {
    COPPICE_CHECK(error.fault() == Fault::usage, "only wrong names of columns end reading");
  }
}

// Bytes that --skip-bad does not get over must be an Error without it.
inline void read_any_strictly(const uint8_t* data, size_t size, coppice::CollectionFormat format) {
  using namespace coppice;
  CollectionOptions options;
  options.format = format;
  try {
    const auto reader = open_collection_bytes({reinterpret_cast<const char*>(data), size}, "input", options);
    for (SourceDocument document; reader->next(document);) {
    }
    COPPICE_CHECK(reader->bad_documents() == 0);
  } catch (const Error&) {
  }
}
