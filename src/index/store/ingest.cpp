#include "index/store/ingest.h"

#include <chrono>

#include "base/progress.h"
#include "format/collection/bad_document.h"
#include "text/analysis/language_fit.h"

namespace coppice {
namespace {

// Whose script is looked at: the first ones, then some.
constexpr int64_t first_documents = 1000, every = 64;
constexpr size_t batch_documents = 4096, batch_bytes = size_t{8} << 20;
// An encoder takes long for a batch: what it makes is attached in pieces, after each of which progress is shown.
constexpr size_t piece_documents = 256;

IndexedDocument taken_over(SourceDocument& source) {
  IndexedDocument document;
  document.id = source.id;
  document.fields = std::move(source.fields);
  document.sparse = std::move(source.sparse);
  document.metadata = std::move(source.metadata);
  document.where = source.where;
  return document;
}

// One by one, so that an Error leaves out one document only.
void add_singly(std::span<const IndexedDocument> batch, IndexWriter& writer, IngestReport& report) {
  constexpr size_t examples = 5;
  for (const IndexedDocument& document : batch) try {
      writer.add({&document, 1});
      ++report.documents;
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      ++report.bad;
      if (report.bad_examples.size() < examples) report.bad_examples.push_back(error.what());
    }
}

void add_together(const std::vector<IndexedDocument>& batch, IndexWriter& writer) {
  try {
    writer.add(batch);
  } catch (const Error& error) {
    if (error.fault() != Fault::input) throw;
    throw BadDocument(error);
  }
}

}  // namespace

IngestReport ingest(CollectionReader& reader, IndexWriter& writer, const Attach& attach, bool skip_bad) {
  IngestReport report;
  Progress progress("index", static_cast<int64_t>(reader.bytes_total()), "bytes");
  uint64_t read = 0;
  SourceDocument source;
  ScriptCensus census;
  int64_t seen = 0;
  std::vector<IndexedDocument> batch;
  for (bool more = true; more;) {
    batch.clear();
    size_t bytes = 0;
    while (batch.size() < batch_documents && bytes < batch_bytes && (more = reader.next(source))) {
      size_t text = 0;
      const bool counted = seen < first_documents || seen % every == 0;
      for (const auto& [name, content] : source.fields) {
        text += content.size();
        if (counted) census.add(content);
      }
      ++seen;
      report.without_text += text == 0;
      bytes += text;
      batch.push_back(taken_over(source));
    }
    const uint64_t before = read, bytes_of_batch = reader.bytes_read() - read;
    for (size_t begin = 0; attach && begin < batch.size(); begin += piece_documents) {
      const size_t end = std::min(begin + piece_documents, batch.size());
      attach(std::span(batch).subspan(begin, end - begin));
      const uint64_t now = before + bytes_of_batch * end / batch.size();
      progress.advance(static_cast<int64_t>(now - read),
                       fmt::format("{} documents", static_cast<size_t>(report.documents) + end));
      read = now;
    }
    if (skip_bad) {
      add_singly(batch, writer, report);
    } else {
      add_together(batch, writer);
      report.documents += static_cast<int64_t>(batch.size());
    }
    progress.advance(static_cast<int64_t>(reader.bytes_read() - read),
                     fmt::format("{} documents", report.documents));
    read = reader.bytes_read();
  }
  if (writer.spec().text)
    if (auto misfit = script_misfit(writer.spec().text->analyzer, census); !misfit.empty())
      report.warnings.push_back(std::move(misfit));
  report.replaced = writer.commit().replaced;
  report.bad += reader.bad_documents();
  for (const auto& example : reader.bad_examples()) report.bad_examples.push_back(example);
  report.seconds = progress.seconds();
  return report;
}

}  // namespace coppice
