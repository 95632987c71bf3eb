#pragma once
// What belongs to documents and lies elsewhere, joined to them on their way into an index: vectors of files, by id, or
// made by an encoder.

#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "cli/index_options.h"
#include "format/vector_file.h"
#include "model/sentence/sentence_encoder.h"

namespace coppice {

class Attachments {
 public:
  Attachments(const DocumentSourceOptions& from, const std::filesystem::path& encoder);

  // Numbers of a vector; nothing if there are none of the kind.
  std::optional<int64_t> dense_dim() const;
  std::optional<int64_t> late_dim() const;

  // Every document must be in every file.
  void operator()(std::span<IndexedDocument> documents);
  // Ids in files that no document had, as one sentence; empty if there are none.
  std::string unused() const;

 private:
  // One file, and which of its ids were asked for.
  template <class File>
  struct Joined {
    File file;
    std::filesystem::path path;
    std::unordered_set<std::string> used;
  };
  using SparseVectors = std::unordered_map<std::string, std::vector<std::pair<std::string, float>>>;

  std::optional<Joined<SparseVectors>> sparse_;
  std::optional<Joined<VectorFile>> dense_, late_;
  std::optional<SentenceEncoder> encoder_;
};

}  // namespace coppice
