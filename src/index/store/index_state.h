#pragma once
// What the database of an index holds beside the documents, as the writer and the readers see it. The database is the
// manifest: a segment belongs to the index from the moment its row is committed.
//
//   settings (name, value)                  format, spec, next_segment
//   segments (id, documents, files)         files: SegmentFile[] as JSON
//   deleted  (segment, ordinal)             documents of segments that are there no more
//   documents (key, id, fields, metadata)   JSON texts; the live documents' rows

#include <map>

#include "index/store/database.h"
#include "index/store/segment.h"

namespace coppice {

// Files of a later format are refused; earlier ones are read.
inline constexpr int64_t index_format = 1;

struct SegmentRow {
  int64_t id = 0, documents = 0;
  std::vector<SegmentFile> files;
  std::vector<DocOrdinal> deleted;  // rising
};

std::filesystem::path database_path(const std::filesystem::path& index);

// Opens an existing index's database, or an Error that says that `index` is none, or of a later format.
Database open_index_database(const std::filesystem::path& index, Database::Access access);
IndexSpec read_spec(Database& database);
std::vector<SegmentRow> read_segments(Database& database);

}  // namespace coppice
