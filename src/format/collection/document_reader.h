#pragma once
// What the readers of single formats are to collection.cpp.

#include <memory>
#include <string>

#include "format/byte_source.h"
#include "format/collection/collection.h"

namespace coppice {

// The documents of one file.
class DocumentReader {
 public:
  virtual ~DocumentReader() = default;
  // The next document in place of `document`, whose members are empty; false at the end. An Error leaves the reader
  // behind what was wrong, so that reading can go on.
  virtual bool next(SourceDocument& document) = 0;
  virtual uint64_t bytes_read() const = 0;
};

// Queries come in some of the forms of documents, with other names for what they hold.
enum class RecordKind { document, query };

using MakeReader = std::unique_ptr<DocumentReader>(ByteSource source, const CollectionOptions& options,
                                                   RecordKind kind);

MakeReader read_json_lines;
MakeReader read_tsv;
MakeReader read_csv;
MakeReader read_trec_documents;
MakeReader read_smart_documents;
MakeReader read_line_documents;

// One document per file. They put fields and metadata; the id is the caller's.
void read_text_file(const std::string& text, SourceDocument& document);
void read_html_file(const std::string& text, SourceDocument& document);
void read_markdown_file(const std::string& text, SourceDocument& document);
// False for a page that only points to another.
bool read_man_page(const std::string& text, SourceDocument& document);

// Adds a field, unless it is empty.
inline void add_field(SourceDocument& document, std::string name, std::string text) {
  if (!text.empty()) document.fields.emplace_back(std::move(name), std::move(text));
}

}  // namespace coppice
