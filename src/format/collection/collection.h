#pragma once
// Collections of documents to search, and queries, from the files in which people keep them. Documents are read one by
// one, in the order of the files; nothing needs the whole collection in memory.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/fields.h"
#include "base/json.h"

namespace coppice {

enum class CollectionFormat {
  automatic,  // by what is there
  beir,       // a directory with corpus.jsonl, queries.jsonl and qrels/, or its corpus.jsonl
  jsonl,      // an object per line
  tsv,        // id <tab> text …, or columns with a header
  csv,        // columns with a header, quoted as in RFC 4180
  trec,       // <DOC> <DOCNO> … </DOC>, several per file
  smart,      // .I id, .T title, .W text …, as CACM, Cranfield and MEDLINE come
  lines,      // a document per line; ids are line numbers
  text,       // a document per file
  html,       // a document per file
  markdown,   // a document per file
  man,        // a man page per file
  folder,     // a document per file, each by its own format
};
template <>
struct EnumNames<CollectionFormat> {
  static constexpr auto values = std::to_array<std::pair<CollectionFormat, const char*>>({
      {CollectionFormat::automatic, "auto"},
      {CollectionFormat::beir, "beir"},
      {CollectionFormat::jsonl, "jsonl"},
      {CollectionFormat::tsv, "tsv"},
      {CollectionFormat::csv, "csv"},
      {CollectionFormat::trec, "trec"},
      {CollectionFormat::smart, "smart"},
      {CollectionFormat::lines, "lines"},
      {CollectionFormat::text, "text"},
      {CollectionFormat::html, "html"},
      {CollectionFormat::markdown, "markdown"},
      {CollectionFormat::man, "man"},
      {CollectionFormat::folder, "folder"},
  });
};

enum class YesNo { automatic, yes, no };
template <>
struct EnumNames<YesNo> {
  static constexpr auto values = std::to_array<std::pair<YesNo, const char*>>(
      {{YesNo::automatic, "auto"}, {YesNo::yes, "yes"}, {YesNo::no, "no"}});
};

enum class TopicPart { title, description, narrative, all };
template <>
struct EnumNames<TopicPart> {
  static constexpr auto values =
      std::to_array<std::pair<TopicPart, const char*>>({{TopicPart::title, "title"},
                                                        {TopicPart::description, "desc"},
                                                        {TopicPart::narrative, "narr"},
                                                        {TopicPart::all, "all"}});
};

struct CollectionOptions {
  CollectionFormat format = CollectionFormat::automatic;
  std::string id_field;
  std::vector<std::string> text_fields;
  YesNo header = YesNo::automatic;
  YesNo quotes = YesNo::automatic;
  bool sparse = false;
  std::string sparse_field = "vector";
  bool skip_bad = false;
  TopicPart topic_part = TopicPart::title;

  static void fields(auto& self, auto&& field) {
    field("format", self.format, {.help = "how documents are stored"});
    field("id_field", self.id_field,
          {.help = "the key or column of ids; empty: the first of _id, id, docid, docno, pid, …; #: the "
                   "number of the "
                   "line or row"});
    field("text_fields", self.text_fields,
          {.help =
               "keys or columns to search; empty: title, text, contents, body, … as far as they are there"});
    field("header", self.header,
          {.help = "the first row names columns; auto: a csv has one, a tsv if it names an id"});
    field("quotes", self.quotes, {.help = "values may be quoted as in RFC 4180; auto: in csv"});
    field("sparse", self.sparse, {.help = "read a learned sparse vector with each document"});
    field("sparse_field", self.sparse_field, {.help = "the key of that vector, an object of term -> weight"});
    field("skip_bad", self.skip_bad, {.help = "leave out and count what cannot be read"});
    field("topic_part", self.topic_part, {.help = "what of a TREC topic is the query"});
  }
};

struct SourceDocument {
  std::string id;
  std::vector<std::pair<std::string, std::string>> fields;  // name ("title", "text", …) -> well-formed UTF-8
  std::vector<std::pair<std::string, float>> sparse;        // with CollectionOptions::sparse; finite weights
  Json metadata;                                            // an object: what else the source says
  std::string where;                                        // file:line, for messages
};

class CollectionReader {
 public:
  virtual ~CollectionReader() = default;

  // The next document in place of `document`, whose memory is used again; false at the end. A BadDocument (bad_document.h)
  // names file and line; with skip_bad they are counted, and the first few are kept.
  virtual bool next(SourceDocument& document) = 0;

  virtual int64_t bad_documents() const = 0;
  virtual const std::vector<std::string>& bad_examples() const = 0;

  // For progress: bytes of files as they lie on disk.
  virtual uint64_t bytes_read() const = 0;
  virtual uint64_t bytes_total() const = 0;  // 0: unknown
};

// `source`: a file or a directory, whose files are read in the order of their names. Errors: nothing there, nothing readable
// in it.
std::unique_ptr<CollectionReader> open_collection(const std::filesystem::path& source,
                                                  const CollectionOptions& options = {});
// The same of one file's bytes, which outlive the reader; `where` names them in errors, and is the id of a whole file.
std::unique_ptr<CollectionReader> open_collection_bytes(std::string_view bytes, const std::string& where,
                                                        const CollectionOptions& options = {});

struct SourceQuery {
  std::string id, text;
  Json metadata;  // an object
};

// Queries of a BEIR directory or queries.jsonl, id <tab> text, CSV, TREC topics, SMART, or one query a line (ids are then
// line numbers), in the order of the file. Errors: an id that comes twice.
std::vector<SourceQuery> read_queries(const std::filesystem::path& path,
                                      const CollectionOptions& options = {});
std::vector<SourceQuery> read_queries_bytes(std::string_view bytes, const std::string& where,
                                            const CollectionOptions& options = {});

}  // namespace coppice
