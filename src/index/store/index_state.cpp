#include "index/store/index_state.h"

#include "index/damage.h"

namespace coppice {

std::filesystem::path database_path(const std::filesystem::path& index) {
  return index / "index.sqlite";
}

Database open_index_database(const std::filesystem::path& index, Database::Access access) {
  const auto path = database_path(index);
  if (!std::filesystem::exists(path))
    throw Error({.where = index.string(),
                 .found = std::filesystem::exists(index) ? "no index in this folder (no index.sqlite)"
                                                         : "no such folder",
                 .expected = "an index",
                 .advice = "make one with: coppice index COLLECTION -o " + index.string()});
  Database database(path, access);
  const auto format = database.integer("SELECT value FROM settings WHERE name = 'format'");
  if (!format || *format > index_format)
    throw Error({.where = path.string(),
                 .found = format ? fmt::format("index format {}", *format) : "no index format",
                 .expected = fmt::format("at most {}", index_format),
                 .advice = format ? "use the release of coppice that made it, or a later one" : ""});
  return database;
}

IndexSpec read_spec(Database& database) {
  const auto text = database.text("SELECT value FROM settings WHERE name = 'spec'");
  const std::string where = database.path().string() + " (spec)";
  if (!text) throw Error({.where = where, .found = "no description of the index"});
  return from_json<IndexSpec>(parse_json(*text, where, see_the_damage), where);
}

std::vector<SegmentRow> read_segments(Database& database) {
  std::vector<SegmentRow> rows;
  Statement segments(database, "SELECT id, documents, files FROM segments ORDER BY id");
  while (segments.step()) {
    SegmentRow row{.id = segments.integer(0), .documents = segments.integer(1)};
    const std::string where = fmt::format("{} (segment {})", database.path().string(), row.id);
    row.files =
        from_json<std::vector<SegmentFile>>(parse_json(segments.text(2), where, see_the_damage), where);
    rows.push_back(std::move(row));
  }
  Statement deleted(database, "SELECT ordinal FROM deleted WHERE segment = ? ORDER BY ordinal");
  for (SegmentRow& row : rows) {
    deleted.bind(1, row.id);
    while (deleted.step()) {
      const int64_t ordinal = deleted.integer(0);
      if (ordinal < 0 || ordinal >= row.documents)
        throw Error({.where = database.path().string(),
                     .found = fmt::format("document {} deleted in segment {}", ordinal, row.id),
                     .expected = fmt::format("one of its {}", row.documents)});
      row.deleted.push_back(static_cast<DocOrdinal>(ordinal));
    }
    deleted.reset();
  }
  return rows;
}

}  // namespace coppice
