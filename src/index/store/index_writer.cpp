#include "index/store/index_writer.h"

#include <algorithm>
#include <charconv>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/parallel.h"
#include "index/inverted/inverted_writer.h"
#include "index/store/merge_segments.h"

namespace coppice {
namespace {

// So many segments of like size are merged into one.
constexpr size_t segments_of_a_tier = 8;

}  // namespace

void create_index(const std::filesystem::path& path, const IndexSpec& spec) {
  if (std::filesystem::exists(path) && !std::filesystem::is_empty(path))
    throw Error({.where = path.string(), .found = "a folder with files in it", .expected = "a new one"},
                Fault::usage);
  std::filesystem::create_directories(path / "segments");
  Database database(database_path(path), Database::Access::create);
  database.run("BEGIN");
  database.run("CREATE TABLE settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID");
  database.run(
      "CREATE TABLE segments (id INTEGER PRIMARY KEY, documents INTEGER NOT NULL, files TEXT NOT NULL)");
  database.run(
      "CREATE TABLE deleted (segment INTEGER, ordinal INTEGER, PRIMARY KEY (segment, ordinal)) WITHOUT "
      "ROWID");
  database.run(
      "CREATE TABLE documents (key INTEGER PRIMARY KEY, id TEXT NOT NULL, fields TEXT, metadata TEXT)");
  Statement set(database, "INSERT INTO settings VALUES (?, ?)");
  set.bind(1, "format").bind(2, index_format).run();
  set.bind(1, "spec").bind(2, to_line(to_json(spec))).run();
  set.bind(1, "next_segment").bind(2, int64_t{1}).run();
  database.run("COMMIT");
}

IndexWriter::IndexWriter(std::filesystem::path path) : path_(std::move(path)) {
  database_.emplace(open_index_database(path_, Database::Access::write));
  lock_ = ::open((path_ / "writer.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) throw system_error("cannot open", (path_ / "writer.lock").string());
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    ::close(std::exchange(lock_, -1));
    throw Error({.where = path_.string(),
                 .found = "another program that is changing this index",
                 .advice = "wait until it is done"},
                Fault::resource);
  }
  spec_ = read_spec(*database_);
  for (const SegmentRow& row : read_segments(*database_)) {
    auto segment = std::make_unique<Segment>(segment_folder(path_, row.id), row.id, spec_);
    DocSet live(segment->documents(), true);
    for (const DocOrdinal doc : row.deleted) live.remove(doc);
    segments_.push_back({std::move(segment), std::move(live)});
  }
  remove_unnamed();
  insert_document_.emplace(*database_, "INSERT INTO documents VALUES (?, ?, ?, ?)");
  delete_document_.emplace(*database_, "DELETE FROM documents WHERE key = ?");
  insert_deleted_.emplace(*database_, "INSERT INTO deleted VALUES (?, ?)");
  next_key_ = database_->integer("SELECT coalesce(max(key), 0) + 1 FROM documents").value_or(1);
}

IndexWriter::~IndexWriter() {
  if (in_transaction_) try {
      database_->run("ROLLBACK");
    } catch (const Error&) {
      // Closing rolls back as well.
    }
  insert_document_.reset();
  delete_document_.reset();
  insert_deleted_.reset();
  database_.reset();
  if (lock_ >= 0) ::close(lock_);
}

void IndexWriter::remove_unnamed() {
  std::vector<std::filesystem::path> unnamed;
  for (const auto& entry : std::filesystem::directory_iterator(path_ / "segments")) {
    const bool named = std::any_of(segments_.begin(), segments_.end(), [&](const Open& open) {
      return open.segment->folder().filename() == entry.path().filename();
    });
    if (!named) unnamed.push_back(entry.path());
  }
  for (const auto& folder : unnamed) std::filesystem::remove_all(folder);
}

void IndexWriter::begin() {
  if (in_transaction_) return;
  database_->run("BEGIN IMMEDIATE");
  in_transaction_ = true;
}

std::optional<LateCodebook> IndexWriter::codebook() const {
  if (!spec_.late) return std::nullopt;
  // All segments with tokens have the same; one without has none that is worth sharing.
  for (const Open& open : segments_)
    if (open.segment->late().tokens() > 0) return open.segment->late().codebook();
  return std::nullopt;
}

void IndexWriter::add(std::span<const IndexedDocument> documents) {
  std::vector<std::vector<SegmentBuilder::WeightedText>> texts(documents.size());
  if (spec_.text) {
    // A fixed number of shares, each with an analyzer of its own.
    const int64_t shares = thread_count();
    while (static_cast<int64_t>(analyzers_.size()) < shares)
      analyzers_.push_back(make_analyzer(spec_.text->analyzer));
    const int64_t count = static_cast<int64_t>(documents.size());
    parallel_for(shares, 1, [&](int64_t from, int64_t to) {
      for (int64_t share = from; share < to; ++share)
        for (int64_t i = count * share / shares; i < count * (share + 1) / shares; ++i) {
          const IndexedDocument& document = documents[static_cast<size_t>(i)];
          auto& text = texts[static_cast<size_t>(i)];
          for (const auto& [name, content] : document.fields) {
            const int64_t weight = spec_.text->weight_of(name);
            if (weight == 0) continue;
            text.emplace_back(AnalyzedText(), static_cast<uint32_t>(weight));
            analyzers_[static_cast<size_t>(share)]->analyze(content, text.back().first);
          }
        }
    });
  }
  for (size_t i = 0; i < documents.size(); ++i) {
    add_one(documents[i], texts[i]);
    texts[i].clear();
  }
}

void IndexWriter::add_one(const IndexedDocument& document,
                          std::span<const SegmentBuilder::WeightedText> text) {
  begin();
  if (waiting_ && waiting_->contains(document.id)) flush();
  if (!waiting_) waiting_.emplace(spec_, codebook());
  waiting_->add(document, text, next_key_);
  bool known = false;
  for (Open& open : segments_) known = erase(open, document.id) || known;
  Json fields = Json::object();
  if (spec_.keep_fields)
    for (const auto& [name, content] : document.fields) fields[name] = content;
  insert_document_->bind(1, next_key_++)
      .bind(2, document.id)
      .bind(3, to_line(fields))
      .bind(4, to_line(document.metadata.is_object() ? document.metadata : Json::object()))
      .run();
  ++(known ? changes_.replaced : changes_.added);
  if (waiting_->memory() >= memory_limit_) flush();
}

void IndexWriter::add_segment(std::span<const std::string_view> names,
                              const std::function<void(const std::filesystem::path&)>& write) {
  flush();
  begin();
  std::vector<int64_t> keys;
  for (const std::string_view name : names) {
    bool known = false;
    for (Open& open : segments_) known = erase(open, name) || known;
    ++(known ? changes_.replaced : changes_.added);
    keys.push_back(next_key_++);
    insert_document_->bind(1, keys.back())
        .bind(2, name)
        .bind(3, std::string_view("{}"))
        .bind(4, std::string_view("{}"))
        .run();
  }
  const int64_t id = next_segment();
  const auto folder = segment_folder(path_, id);
  std::filesystem::create_directories(folder);
  DocumentNames::write(folder / "names", names);
  AppendFile key_file(folder / "keys");
  key_file.write({reinterpret_cast<const uint8_t*>(keys.data()), 8 * keys.size()});
  key_file.finish();
  write(folder);
  sync_folder(folder);
  insert_segment(id);
}

bool IndexWriter::erase(Open& open, std::string_view id) {
  const auto doc = open.segment->names().find(id);
  if (!doc || !open.live.contains(*doc)) return false;
  begin();
  open.live.remove(*doc);
  insert_deleted_->bind(1, open.segment->id()).bind(2, int64_t{*doc}).run();
  delete_document_->bind(1, open.segment->key(*doc)).run();
  return true;
}

bool IndexWriter::remove(std::string_view id) {
  if (waiting_ && waiting_->contains(std::string(id))) flush();
  for (Open& open : segments_)
    if (erase(open, id)) {
      ++changes_.deleted;
      return true;
    }
  return false;
}

int64_t IndexWriter::next_segment() {
  begin();
  const int64_t id = database_->integer("SELECT value FROM settings WHERE name = 'next_segment'").value_or(1);
  database_->run("UPDATE settings SET value = value + 1 WHERE name = 'next_segment'");
  // A folder of that name was left by a writer that did not get to its commit.
  std::filesystem::remove_all(segment_folder(path_, id));
  return id;
}

void IndexWriter::insert_segment(int64_t id) {
  const auto folder = segment_folder(path_, id);
  sync_folder(path_ / "segments");
  auto segment = std::make_unique<Segment>(folder, id, spec_);
  Statement insert(*database_, "INSERT INTO segments VALUES (?, ?, ?)");
  insert.bind(1, id)
      .bind(2, int64_t{segment->documents()})
      .bind(3, to_line(to_json(list_segment_files(folder))))
      .run();
  DocSet live(segment->documents(), true);
  segments_.push_back({std::move(segment), std::move(live)});
}

void IndexWriter::flush() {
  if (!waiting_ || waiting_->documents() == 0) return;
  const int64_t id = next_segment();
  waiting_->write(segment_folder(path_, id));
  waiting_.reset();
  insert_segment(id);
}

IndexChanges IndexWriter::commit() {
  flush();
  if (in_transaction_) {
    database_->run("COMMIT");
    in_transaction_ = false;
  }
  return std::exchange(changes_, {});
}

void IndexWriter::merge(const std::vector<int64_t>& ids) {
  std::vector<Open> sources, others;
  for (Open& open : segments_)
    (std::count(ids.begin(), ids.end(), open.segment->id()) > 0 ? sources : others)
        .push_back(std::move(open));
  segments_ = std::move(others);
  std::vector<LiveSegment> parts;
  for (const Open& open : sources) parts.push_back({open.segment.get(), &open.live});
  const int64_t id = next_segment();
  if (merge_segments(parts, spec_, segment_folder(path_, id))) insert_segment(id);
  Statement forget(*database_, "DELETE FROM segments WHERE id = ?");
  Statement forget_deleted(*database_, "DELETE FROM deleted WHERE segment = ?");
  for (const Open& open : sources) {
    forget.bind(1, open.segment->id()).run();
    forget_deleted.bind(1, open.segment->id()).run();
  }
  database_->run("COMMIT");
  in_transaction_ = false;
  // Readers that have them open keep them; others see the new state.
  for (const Open& open : sources) std::filesystem::remove_all(open.segment->folder());
}

void IndexWriter::merge_all() {
  commit();
  std::vector<int64_t> ids;
  bool any_deleted = false;
  for (const Open& open : segments_) {
    ids.push_back(open.segment->id());
    any_deleted = any_deleted || open.live.count() < open.segment->documents();
  }
  if (ids.size() > 1 || any_deleted) merge(ids);
}

void IndexWriter::merge_where_due() {
  commit();
  for (;;) {
    // Segments of one tier have live documents within a factor of 8.
    std::map<int, std::vector<int64_t>> tiers;
    for (const Open& open : segments_)
      tiers[std::bit_width(open.live.count() / 1000) / 3].push_back(open.segment->id());
    const auto due = std::find_if(tiers.begin(), tiers.end(),
                                  [](const auto& tier) { return tier.second.size() >= segments_of_a_tier; });
    if (due == tiers.end()) return;
    merge(due->second);
  }
}

}  // namespace coppice
