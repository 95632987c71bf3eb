#pragma once
// Changes an index: documents are added, replaced and deleted, and all of it counts from `commit` on, or not at all. A
// process that is killed at any moment leaves the index as the last commit left it. One writer at a time; readers are
// never held up.
//
// How: segment files are written and flushed first, into folders that nothing refers to; then one transaction of the
// database names them. The next writer removes what was never named.

#include <functional>
#include <unordered_map>

#include "index/store/index_state.h"
#include "index/store/segment_builder.h"

namespace coppice {

// Makes an empty index in a folder that is empty or not there yet.
void create_index(const std::filesystem::path& path, const IndexSpec& spec);

struct IndexChanges {
  int64_t added = 0, replaced = 0, deleted = 0;
};

class IndexWriter {
 public:
  // Waits for nobody: another writer at work is an Error.
  explicit IndexWriter(std::filesystem::path path);
  ~IndexWriter();
  IndexWriter(const IndexWriter&) = delete;
  IndexWriter& operator=(const IndexWriter&) = delete;

  const IndexSpec& spec() const { return spec_; }

  // Adds documents; one with a known id replaces the older. Texts are analysed on all threads. An Error leaves out the
  // document that it names and those behind it.
  void add(std::span<const IndexedDocument> documents);
  // Adds documents whose parts are there already: `write` makes their files in the segment's folder, but for names and
  // keys. Names fall strictly; one that is known replaces the older document.
  void add_segment(std::span<const std::string_view> names,
                   const std::function<void(const std::filesystem::path&)>& write);
  // False if there is no such document.
  bool remove(std::string_view id);
  // Makes all changes since the last commit last. After an Error here or in merging, the writer is good for nothing more;
  // the index is as the last commit left it.
  IndexChanges commit();

  // Rewrites segments without their deleted documents: all into one, or only where many of like size have gathered
  // (a tiered policy). Commits what waits first; done segments' files go.
  void merge_all();
  void merge_where_due();

  // Bytes of memory at which waiting documents are written as a segment (before they are committed).
  void set_memory(size_t bytes) { memory_limit_ = bytes; }

 private:
  struct Open {
    std::unique_ptr<Segment> segment;
    DocSet live;
  };
  void begin();
  void add_one(const IndexedDocument& document, std::span<const SegmentBuilder::WeightedText> text);
  void flush();
  void insert_segment(int64_t id);
  int64_t next_segment();
  void merge(const std::vector<int64_t>& ids);
  void remove_unnamed();
  std::optional<LateCodebook> codebook() const;
  bool erase(Open& open, std::string_view id);

  std::filesystem::path path_;
  int lock_ = -1;
  std::optional<Database> database_;
  IndexSpec spec_;
  std::vector<Open> segments_;
  std::optional<SegmentBuilder> waiting_;
  std::optional<Statement> insert_document_, delete_document_, insert_deleted_;
  std::vector<std::unique_ptr<Analyzer>> analyzers_;
  bool in_transaction_ = false;
  int64_t next_key_ = 1;
  size_t memory_limit_ = size_t{1} << 30;
  IndexChanges changes_;
};

}  // namespace coppice
