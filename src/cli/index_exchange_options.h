#pragma once

#include "cli/verb.h"
#include "index/inverted/inverted_files.h"

namespace coppice {

struct IndexImportOptions {
  std::filesystem::path source, output;
  bool overwrite = false;
  std::string analyzer = "english";
  Bm25 bm25;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("source", self.source,
          Field{.help = "index in the Common Index File Format, plain or gzipped",
                .required = true,
                .positional = true,
                .value_name = "FILE"});
    field("output", self.output,
          Field{.help = "folder to make", .required = true, .value_name = "DIR", .short_name = "-o"});
    field("overwrite", self.overwrite, Field{.help = "replace an existing folder"});
    field("analyzer", self.analyzer,
          Field{.help = "how queries become terms: as whoever made the file made them of texts",
                .value_name = "NAME"});
    Bm25::fields(self.bm25, field);
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo index_import_verb = {"index import",
                                           "make an index of another search engine's, from CIFF",
                                           "coppice index import path/to/index.ciff -o path/to/index"};

struct IndexExportOptions {
  std::filesystem::path index, output;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("index", self.index,
          Field{.help = "index", .required = true, .positional = true, .value_name = "INDEX"});
    field("output", self.output,
          Field{.help = "file to write", .required = true, .value_name = "FILE", .short_name = "-o"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo index_export_verb = {"index export",
                                           "write an index's text lists as CIFF, for other search engines",
                                           "coppice index export path/to/index -o path/to/index.ciff"};

int run_index_import(const IndexImportOptions& options);
int run_index_export(const IndexExportOptions& options);

}  // namespace coppice
