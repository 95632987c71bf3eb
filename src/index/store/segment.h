#pragma once
// A segment: an immutable folder with the parts of some documents, one file or a few per part.
//   names        DocumentNames: ordinals are places in falling order of names
//   keys         8 bytes per document: its row in the database
//   text.*       InvertedIndex of frequencies
//   sparse.*     InvertedIndex of weights
//   dense        VectorIndex
//   late         LateIndex

#include <filesystem>
#include <memory>
#include <optional>

#include "index/inverted/inverted_index.h"
#include "index/store/document_names.h"
#include "index/store/index_spec.h"

namespace coppice {

struct SegmentFile {
  std::string name;
  int64_t size = 0;
  std::string sha256;

  static void fields(auto& self, auto&& field) {
    field("name", self.name, Field{.help = "file", .required = true});
    field("size", self.size, Field{.help = "bytes", .min = 0});
    field("sha256", self.sha256, Field{.help = "of its bytes"});
  }
};

class Segment {
 public:
  // Maps the parts that `spec` asks for. An Error names the file that is missing or damaged.
  Segment(const std::filesystem::path& folder, int64_t id, const IndexSpec& spec);

  int64_t id() const { return id_; }
  DocOrdinal documents() const { return static_cast<DocOrdinal>(names_.size()); }
  const DocumentNames& names() const { return names_; }
  int64_t key(DocOrdinal doc) const;

  const InvertedIndex& text() const { return *text_; }
  const InvertedIndex& sparse() const { return *sparse_; }
  const VectorIndex& dense() const { return *dense_; }
  const LateIndex& late() const { return *late_; }
  const std::filesystem::path& folder() const { return folder_; }

  // Reads all of it and compares with `files`; an Error at the first difference.
  void verify(const std::vector<SegmentFile>& files) const;

 private:
  std::filesystem::path folder_;
  int64_t id_;
  DocumentNames names_;
  MappedFile keys_;
  std::optional<InvertedIndex> text_, sparse_;
  std::optional<VectorIndex> dense_;
  std::optional<LateIndex> late_;
};

// Where segment `id` of the index at `index` lies.
std::filesystem::path segment_folder(const std::filesystem::path& index, int64_t id);

// An Error at the first of these files that is missing or not as long as it was written.
void check_sizes(const std::filesystem::path& folder, const std::vector<SegmentFile>& files);

// All files of a folder with their sizes and checksums, by name.
std::vector<SegmentFile> list_segment_files(const std::filesystem::path& folder);

// Waits until the disk knows the folder's entries.
void sync_folder(const std::filesystem::path& folder);

}  // namespace coppice
