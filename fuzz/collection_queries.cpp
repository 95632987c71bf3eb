// Queries of any bytes, in every form and every part of a topic.

#include "base/error.h"
#include "base/strings.h"
#include "format/collection/collection.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coppice;
  using enum CollectionFormat;
  for (const auto format : {automatic, jsonl, tsv, csv, trec, smart, lines})
    for (const auto part : {TopicPart::title, TopicPart::all}) {
      CollectionOptions options;
      options.format = format;
      options.topic_part = part;
      try {
        const auto queries =
            read_queries_bytes({reinterpret_cast<const char*>(data), size}, "input", options);
        COPPICE_CHECK(!queries.empty());
        for (const auto& query : queries) COPPICE_CHECK(is_utf8(query.id) && is_utf8(query.text));
      } catch (const Error&) {
      }
    }
  return 0;
}
