#pragma once

#include "cli/verb.h"
#include "format/collection/collection.h"
#include "index/store/index_spec.h"

namespace coppice {

// Where documents and what belongs to them come from; for `index` and `index add`.
struct DocumentSourceOptions {
  CollectionFormat format = CollectionFormat::automatic;
  std::string id_field;
  std::vector<std::string> text_field;
  YesNo header = YesNo::automatic, quotes = YesNo::automatic;
  std::string sparse;
  std::filesystem::path dense, late;
  bool skip_bad = false;
  std::string memory = "1GiB";

  static void fields(auto& self, auto&& field) {
    field("format", self.format, Field{.help = "how documents are stored (default: by what is there)"});
    field("id_field", self.id_field,
          Field{.help = "key or column of the ids (default: _id, id, docid, docno, …); #: the number of the "
                        "line or row",
                .value_name = "NAME"});
    field("text_field", self.text_field,
          Field{.help =
                    "keys or columns to search (default: title, text, contents, … as far as they are there)",
                .value_name = "NAME"});
    field("header", self.header,
          Field{.help = "whether the first row of a table names its columns (auto: in CSV, and in TSV if it "
                        "names an id)"});
    field("quotes", self.quotes,
          Field{.help = "whether values of a table may be quoted as in RFC 4180 (auto: in CSV)"});
    field("sparse", self.sparse,
          Field{.help = "learned sparse vectors: a JSONL file of {id, vector: {term: weight}}, or - if the "
                        "documents have them themselves (each --window then has its document's)",
                .value_name = "FILE"});
    field("dense", self.dense,
          Field{.help = "dense vectors: .npy, .fvecs or .safetensors with ids beside it, or .jsonl",
                .value_name = "FILE"});
    field("late", self.late,
          Field{.help = "token vectors, for late interaction: .npy, .safetensors or .jsonl",
                .value_name = "FILE"});
    field("skip_bad", self.skip_bad, Field{.help = "leave out and count documents that cannot be read"});
    field("memory", self.memory,
          Field{.help = "documents to gather before a segment is written: their size with its unit, as in "
                        "4GiB or 500MB, from 1MiB",
                .value_name = "SIZE"});
  }
};

struct IndexOptions {
  std::filesystem::path source, output;
  bool overwrite = false;
  DocumentSourceOptions from;
  std::string analyzer = "english";
  bool no_text = false, no_positions = false, no_fields = false;
  std::vector<std::string> weight;
  Bm25 bm25;
  double unit = 0.01;
  Similarity similarity = Similarity::cosine;
  VectorMethod dense_method = VectorMethod::flat;
  VectorType dense_type = VectorType::f32;
  int64_t late_bits = 2;
  std::filesystem::path encoder;
  std::optional<int64_t> window, window_step;
  std::vector<std::string> set;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("source", self.source,
          Field{.help = "collection: a BEIR directory, a file of JSONL, TSV, CSV or TREC documents, or a "
                        "folder of files",
                .required = true,
                .positional = true,
                .value_name = "COLLECTION"});
    field("output", self.output,
          Field{.help = "folder to make", .required = true, .value_name = "DIR", .short_name = "-o"});
    field("overwrite", self.overwrite, Field{.help = "replace an existing folder"});
    DocumentSourceOptions::fields(self.from, field);
    field("analyzer", self.analyzer,
          Field{.help = "how text becomes terms: english (as Lucene's), standard, whitespace, ngram, cjk, or "
                        "a language",
                .value_name = "NAME"});
    field("no_text", self.no_text, Field{.help = "do not index text"});
    field("no_positions", self.no_positions,
          Field{.help = "keep no word positions: smaller, without phrases"});
    field("no_fields", self.no_fields, Field{.help = "keep no texts: search shows ids only"});
    field("weight", self.weight,
          Field{.help = "how often a field's text counts, as title=3; 0 leaves it out",
                .value_name = "NAME=N"});
    Bm25::fields(self.bm25, field);
    field("unit", self.unit,
          Field{.help = "learned weights are kept as multiples of this", .min = 0, .above_min = true});
    field("similarity", self.similarity, Field{.help = "how dense vectors are compared"});
    field("dense_method", self.dense_method, Field{.help = "how dense vectors are searched"});
    field("dense_type", self.dense_type, Field{.help = "type of the dense vectors that are scanned"});
    field("late_bits", self.late_bits,
          Field{.help = "bits per dimension of a token's residual: 1, 2 or 4", .min = 1, .max = 4});
    field("encoder", self.encoder,
          Field{.help = "make dense vectors of the texts with this sentence-transformers or encoder model",
                .value_name = "MODEL"});
    field(
        "window", self.window,
        Field{
            .help =
                "cut documents into overlapping windows of this many words, and rank a document by its best",
            .min = 1,
            .max = 1 << 20,
            .value_name = "WORDS"});
    field("window_step", self.window_step,
          Field{.help = "words from one window's beginning to the next (default: half of it)",
                .min = 1,
                .max = 1 << 20,
                .value_name = "WORDS"});
    field("set", self.set,
          Field{.help =
                    "any other setting of the index, as dense.index.hnsw.m=32 (coppice index info shows all)",
                .value_name = "KEY=VALUE"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo index_verb = {"index", "make a search index of a collection",
                                    "coppice index path/to/collection -o path/to/index"};

struct IndexAddOptions {
  std::filesystem::path index, source;
  DocumentSourceOptions from;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("index", self.index,
          Field{.help = "index to change", .required = true, .positional = true, .value_name = "INDEX"});
    field("source", self.source,
          Field{.help = "collection of documents; one with a known id replaces the older",
                .required = true,
                .positional = true,
                .value_name = "COLLECTION"});
    DocumentSourceOptions::fields(self.from, field);
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo index_add_verb = {"index add", "add documents to an index, or replace them",
                                        "coppice index add path/to/index more.jsonl"};

struct IndexDeleteOptions {
  std::filesystem::path index;
  std::vector<std::string> ids;
  std::filesystem::path file;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("index", self.index,
          Field{.help = "index to change", .required = true, .positional = true, .value_name = "INDEX"});
    field("ids", self.ids, Field{.help = "ids of documents", .positional = true, .value_name = "ID"});
    field("file", self.file, Field{.help = "file with an id per line", .value_name = "FILE"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo index_delete_verb = {"index delete", "delete documents from an index",
                                           "coppice index delete path/to/index doc17 doc23"};

// For merge, verify and info.
struct IndexPathOptions {
  std::filesystem::path index;
  CommonOptions common;

  static void fields(auto& self, auto&& field) {
    field("index", self.index,
          Field{.help = "index", .required = true, .positional = true, .value_name = "INDEX"});
    CommonOptions::fields(self.common, field);
  }
};

inline const VerbInfo index_merge_verb = {"index merge",
                                          "make one segment of an index, without what was deleted",
                                          "coppice index merge path/to/index"};
inline const VerbInfo index_verify_verb = {"index verify", "read all of an index and say what is damaged",
                                           "coppice index verify path/to/index"};
inline const VerbInfo index_info_verb = {"index info", "say what an index holds",
                                         "coppice index info path/to/index"};

int run_index(const IndexOptions& options);
int run_index_add(const IndexAddOptions& options);
int run_index_delete(const IndexDeleteOptions& options);
int run_index_merge(const IndexPathOptions& options);
int run_index_verify(const IndexPathOptions& options);
int run_index_info(const IndexPathOptions& options);

}  // namespace coppice
