#pragma once
// One state of an index, as a commit left it: what a writer does afterwards is not seen until a new reader is made.
// Threads may share a reader, and so be sure of the same state: fetching and filtering wait their turn.

#include <map>
#include <memory>
#include <mutex>

#include "index/store/index_state.h"

namespace coppice {

struct StoredDocument {
  std::string id;
  Json fields, metadata;  // objects
};

class IndexReader {
 public:
  // With `degraded`, segments that are missing or damaged are left out and named in `left_out`; without, they are
  // Errors.
  explicit IndexReader(std::filesystem::path path, bool degraded = false);

  struct Part {
    std::shared_ptr<const Segment> segment;
    DocSet live;
    bool whole;  // nothing deleted
    // The documents a search may find, or nullptr: all.
    const DocSet* allowed() const { return whole ? nullptr : &live; }
  };

  const std::filesystem::path& path() const { return path_; }
  const IndexSpec& spec() const { return spec_; }
  const std::vector<Part>& parts() const { return parts_; }
  const std::vector<SegmentRow>& rows() const { return rows_; }
  const std::vector<std::string>& left_out() const { return left_out_; }
  size_t documents() const;

  // Reads all segments, leaves out those whose checksums or contents are not right, and names them in `left_out`.
  void leave_out_damaged();

  StoredDocument fetch(size_t part, DocOrdinal doc);
  // Where a document is; nothing if it is not there.
  struct Place {
    size_t part;
    DocOrdinal doc;
  };
  std::optional<Place> find(std::string_view id) const;

  // For every part the live documents that pass a filter (filter.h).
  std::vector<DocSet> filtered(const std::string& filter);

  // Reads everything and compares checksums, orders, bounds and the tables with each other. What is wrong is said in one
  // line each; empty if nothing is.
  std::vector<std::string> verify();

 private:
  bool open(bool degraded, bool last_try);

  std::filesystem::path path_;
  std::unique_ptr<Database> database_;
  std::optional<Statement> fetch_;
  std::unique_ptr<std::mutex> turn_ = std::make_unique<std::mutex>();  // guards the two
  IndexSpec spec_;
  std::vector<SegmentRow> rows_;
  std::vector<Part> parts_;
  std::vector<std::string> left_out_;
};

}  // namespace coppice
