#include "base/file.h"
#include "cli/index_exchange_options.h"
#include "index/store/ciff_exchange.h"

namespace coppice {

int run_index_import(const IndexImportOptions& options) {
  IndexSpec spec;
  spec.text.emplace();
  spec.text->analyzer = analyzer_preset(options.analyzer);
  spec.text->positions = false;
  spec.text->bm25 = options.bm25;
  spec.keep_fields = false;
  AtomicDirectory folder(options.output, options.overwrite);
  create_index(folder.path(), spec);
  CiffSummary summary;
  {
    IndexWriter writer(folder.path());
    summary = import_ciff(options.source, writer);
  }
  std::filesystem::remove(folder.path() / "writer.lock");
  folder.commit();
  print_result(options.common, to_json(summary),
               fmt::format("{} documents, {} terms, {} postings -> {}\n", summary.documents, summary.terms,
                           summary.postings, options.output.string()));
  return 0;
}

int run_index_export(const IndexExportOptions& options) {
  const CiffSummary summary = export_ciff(IndexReader(options.index), options.output);
  print_result(options.common, to_json(summary),
               fmt::format("{} documents, {} terms, {} postings -> {}\n", summary.documents, summary.terms,
                           summary.postings, options.output.string()));
  return 0;
}

}  // namespace coppice
