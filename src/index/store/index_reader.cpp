#include "index/store/index_reader.h"

#include <set>

#include "index/damage.h"
#include "index/store/filter.h"

namespace coppice {

IndexReader::IndexReader(std::filesystem::path path, bool degraded) : path_(std::move(path)) {
  // A merge may remove segments between reading the table and mapping their files; then there is a newer state.
  constexpr int tries = 50;
  for (int left = tries; !open(degraded, left == 1); --left) {
  }
}

// False if a segment could not be opened since it was merged away: another try will help.
bool IndexReader::open(bool degraded, bool last_try) {
  parts_.clear();
  left_out_.clear();
  fetch_.reset();
  database_ = std::make_unique<Database>(open_index_database(path_, Database::Access::read));
  // The transaction lasts as long as the reader, so that documents belong to the same state as segments.
  database_->run("BEGIN");
  spec_ = read_spec(*database_);
  rows_ = read_segments(*database_);
  for (const SegmentRow& row : rows_) {
    const auto folder = segment_folder(path_, row.id);
    try {
      check_sizes(folder, row.files);
      auto segment = std::make_shared<const Segment>(folder, row.id, spec_);
      if (segment->documents() != row.documents)
        throw Error({.where = folder.string(),
                     .found = fmt::format("{} documents", segment->documents()),
                     .expected = fmt::format("{}", row.documents),
                     .advice = see_the_damage});
      DocSet live(segment->documents(), true);
      for (const DocOrdinal doc : row.deleted) live.remove(doc);
      parts_.push_back({std::move(segment), std::move(live), row.deleted.empty()});
    } catch (const Error& error) {
      const auto newest = Database(database_path(path_), Database::Access::read)
                              .integer("SELECT count(*) FROM segments WHERE id = " + std::to_string(row.id));
      if (newest == 0 && !last_try) return false;
      if (!degraded) throw;
      left_out_.push_back(error.what());
    }
  }
  fetch_.emplace(*database_, "SELECT id, fields, metadata FROM documents WHERE key = ?");
  return true;
}

void IndexReader::leave_out_damaged() {
  std::erase_if(parts_, [&](const Part& part) {
    try {
      for (const SegmentRow& row : rows_)
        if (row.id == part.segment->id()) part.segment->verify(row.files);
      return false;
    } catch (const Error& error) {
      left_out_.push_back(error.what());
      return true;
    }
  });
}

size_t IndexReader::documents() const {
  size_t live = 0;
  for (const Part& part : parts_) live += part.live.count();
  return live;
}

StoredDocument IndexReader::fetch(size_t part, DocOrdinal doc) {
  const std::lock_guard lock(*turn_);
  fetch_->bind(1, parts_[part].segment->key(doc));
  if (!fetch_->step()) {
    fetch_->reset();
    throw Error({.where = database_path(path_).string(),
                 .found = fmt::format("no row for document '{}'", parts_[part].segment->names()[doc]),
                 .advice = see_the_damage});
  }
  const std::string where = fmt::format("{} ({})", database_path(path_).string(), fetch_->text(0));
  StoredDocument document{std::string(fetch_->text(0)), parse_json(fetch_->text(1), where, see_the_damage),
                          parse_json(fetch_->text(2), where, see_the_damage)};
  fetch_->reset();
  return document;
}

std::optional<IndexReader::Place> IndexReader::find(std::string_view id) const {
  for (size_t part = 0; part < parts_.size(); ++part)
    if (const auto doc = parts_[part].segment->names().find(id); doc && parts_[part].live.contains(*doc))
      return Place{part, *doc};
  return std::nullopt;
}

std::vector<DocSet> IndexReader::filtered(const std::string& filter) {
  const std::lock_guard lock(*turn_);
  const SqlCondition condition = parse_filter(filter);
  Statement select(*database_, "SELECT key FROM documents WHERE " + condition.sql);
  condition.bind(select);
  std::vector<bool> passes;
  while (select.step()) {
    const size_t key = static_cast<size_t>(select.integer(0));
    if (key >= passes.size()) passes.resize(std::max(key + 1, 2 * passes.size()));
    passes[key] = true;
  }
  std::vector<DocSet> sets;
  for (const Part& part : parts_) {
    DocSet& set = sets.emplace_back(part.segment->documents());
    part.live.for_each([&](DocOrdinal doc) {
      const size_t key = static_cast<size_t>(part.segment->key(doc));
      if (key < passes.size() && passes[key]) set.insert(doc);
    });
  }
  return sets;
}

std::vector<std::string> IndexReader::verify() {
  std::vector<std::string> wrong = left_out_;
  if (const auto answer = database_->text("PRAGMA integrity_check"); answer != "ok")
    wrong.push_back(database_path(path_).string() + ": " +
                    answer.value_or("no answer to an integrity check"));
  std::set<std::string, std::less<>> seen;
  Statement row(*database_, "SELECT id FROM documents WHERE key = ?");
  size_t live = 0;
  for (const Part& part : parts_) {
    try {
      for (const SegmentRow& known : rows_)
        if (known.id == part.segment->id()) part.segment->verify(known.files);
      part.live.for_each([&](DocOrdinal doc) {
        const std::string_view name = part.segment->names()[doc];
        ++live;
        if (!seen.insert(std::string(name)).second)
          wrong.push_back(fmt::format("{}: document '{}' is live in two segments", path_.string(), name));
        row.bind(1, part.segment->key(doc));
        if (!row.step() || row.text(0) != name)
          wrong.push_back(
              fmt::format("{}: the row of document '{}' is missing", database_path(path_).string(), name));
        row.reset();
      });
    } catch (const Error& error) {
      row.reset();
      wrong.push_back(error.what());
    }
  }
  const auto rows = database_->integer("SELECT count(*) FROM documents").value_or(0);
  if (left_out_.empty() && wrong.empty() && static_cast<size_t>(rows) != live)
    wrong.push_back(
        fmt::format("{}: {} rows of documents, expected {}", database_path(path_).string(), rows, live));
  return wrong;
}

}  // namespace coppice
