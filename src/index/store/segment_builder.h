#pragma once
// Documents that wait in memory to become a segment.

#include <memory>
#include <unordered_set>

#include "index/inverted/inverted_builder.h"
#include "index/store/segment.h"

namespace coppice {

// An Error that begins with `where` unless the id can stand in a TREC run.
void check_document_id(std::string_view id, const std::string& where);

class SegmentBuilder {
 public:
  // Token vectors are encoded by `codebook` if there is one, else by one that this segment trains.
  SegmentBuilder(const IndexSpec& spec, std::optional<LateCodebook> codebook);

  // `text` has the analysed fields with their weights. Errors begin with the document's `where` and leave nothing behind.
  using WeightedText = std::pair<AnalyzedText, uint32_t>;
  void add(const IndexedDocument& document, std::span<const WeightedText> text, int64_t key);

  bool contains(const std::string& id) const { return ids_.contains(id); }
  size_t documents() const { return names_.size(); }
  size_t memory() const;

  // Writes all parts into `folder`, which it makes. The builder is empty afterwards.
  void write(const std::filesystem::path& folder);

 private:
  void check(const IndexedDocument& document) const;

  const IndexSpec& spec_;
  std::optional<LateCodebook> codebook_;
  std::vector<std::string> names_;
  std::unordered_set<std::string> ids_;
  std::vector<int64_t> keys_;
  size_t name_bytes_ = 0, vector_bytes_ = 0;
  InvertedBuilder text_, sparse_;
  // Vectors wait here since their builders want to know how many documents there are.
  std::vector<std::vector<std::vector<float>>> vectors_;
  std::vector<std::vector<float>> tokens_;
};

}  // namespace coppice
