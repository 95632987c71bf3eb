#pragma once
// The stored vectors of one part and what can be computed with them: exact similarities, and from int8 approximate
// ones that say how wrong they can be.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "index/doc_set.h"
#include "index/section_file.h"
#include "index/vector/vector_spec.h"

namespace coppice {

// The part's description in the header.
struct VectorPart {
  VectorIndexSpec spec;
  int64_t dim = 0, vectors = 0, documents = 0;
  double max_norm = 0;               // of the vectors
  int64_t entry = 0, max_level = 0;  // of the graph
  int64_t upper_rows = 0;
  int64_t lists = 0, subquantizers = 0;  // of ivf_pq
  static void fields(auto& self, auto&& field) {
    field("spec", self.spec, {.help = "how vectors are stored and searched", .required = true});
    field("dim", self.dim, {.help = "numbers of a vector", .min = 1, .max = 32767, .required = true});
    field("vectors", self.vectors, {.help = "their number", .min = 0, .max = 0xFFFFFFFE, .required = true});
    field("documents", self.documents,
          {.help = "of the segment", .min = 0, .max = 0xFFFFFFFF, .required = true});
    field("max_norm", self.max_norm, {.help = "longest vector", .min = 0, .required = true});
    field("entry", self.entry, {.help = "where searches of the graph begin", .min = 0, .max = 0xFFFFFFFE});
    field("max_level", self.max_level, {.help = "of the graph", .min = 0, .max = 64});
    field("upper_rows", self.upper_rows,
          {.help = "rows of links above level 0", .min = 0, .max = 0xFFFFFFFE});
    field("lists", self.lists, {.help = "inverted lists", .min = 0, .max = 0xFFFFFFFE});
    field("subquantizers", self.subquantizers, {.help = "bytes of a code", .min = 0, .max = 32767});
  }
};

// Bytes of a vector and what the distance from the floats can be.
struct Int8Row {
  float scale = 0;  // element = scale * byte
  float norm = 0;   // an upper bound of the length, of floats and bytes alike
  float error = 0;  // an upper bound of the distance between floats and bytes
};
// Symmetric, to [-127, 127].
Int8Row quantize_int8(std::span<const float> values, std::span<int8_t> bytes);

// To length 1; zeros stay zeros.
void normalize_vector(std::span<float> values);

// Elements from one row to the next: rows begin on multiples of 64 bytes.
constexpr int64_t f32_stride(int64_t dim) {
  return (dim + 15) / 16 * 16;
}
constexpr int64_t bf16_stride(int64_t dim) {
  return (dim + 31) / 32 * 32;
}
constexpr int64_t int8_stride(int64_t dim) {
  return (dim + 63) / 64 * 64;
}

struct PreparedQuery {
  std::vector<float> values;  // normalised if cosine
  std::vector<int8_t> bytes;  // with int8
  Int8Row row;
  float norm2 = 0;
};

// The rows of a part: sections of a file, or what is going to be one. Those that the part does not have are empty.
struct VectorRows {
  std::span<const DocOrdinal> docs;
  std::span<const float> f32;
  std::span<const uint16_t> bf16;
  std::span<const int8_t> codes;
  std::span<const float> scale, norm, error;  // with codes
  std::span<const float> norms2;              // squared lengths, with l2
};

class VectorStore {
 public:
  VectorStore() = default;
  VectorStore(const VectorPart& part, const VectorRows& rows);
  VectorStore(const VectorPart& part, const SectionFile& file);

  const VectorPart& part() const { return part_; }
  int64_t dim() const { return part_.dim; }
  uint32_t count() const { return static_cast<uint32_t>(part_.vectors); }
  std::span<const DocOrdinal> docs() const { return docs_; }
  // Rows of a document: [first, last).
  std::pair<uint32_t, uint32_t> rows_of(DocOrdinal doc) const;
  bool one_each() const { return one_each_; }  // no document has several vectors

  PreparedQuery prepare(std::span<const float> query) const;
  // A stored row as a query of quick_scores.
  void prepare_row(uint32_t row, PreparedQuery& query) const;

  // True if rows have bytes to be scanned first and something else to compare with.
  bool approximate_first() const { return !codes_.empty() && (!f32_.empty() || !bf16_.empty()); }
  bool has_codes() const { return !codes_.empty(); }

  // Exact scores of rows ids[i], or of rows from `first` if ids is null.
  void scores(const PreparedQuery& query, const uint32_t* ids, uint32_t first, int64_t count,
              float* scores) const;
  // Scores by bytes; slack (unless null) bounds how far the exact ones are.
  void byte_scores(const PreparedQuery& query, const uint32_t* ids, uint32_t first, int64_t count,
                   float* scores, float* slack) const;
  // What navigates a graph: by bytes if there are, else exact.
  void quick_scores(const PreparedQuery& query, const uint32_t* ids, int64_t count, float* scores) const {
    has_codes() ? byte_scores(query, ids, 0, count, scores, nullptr)
                : this->scores(query, ids, 0, count, scores);
  }
  // Fetches what quick_scores will read of the row.
  void prefetch(uint32_t row) const {
    const char* at = quick_rows_ + static_cast<size_t>(row) * quick_bytes_;
    for (size_t i = 0; i < quick_bytes_; i += 64) __builtin_prefetch(at + i);
    if (has_codes()) __builtin_prefetch(scale_.data() + row);
  }

  std::vector<float> vector(uint32_t row) const;

 private:
  VectorPart part_;
  std::span<const DocOrdinal> docs_;
  std::span<const float> f32_;
  std::span<const uint16_t> bf16_;
  std::span<const int8_t> codes_;
  std::span<const float> scale_, norm_, error_;  // with codes
  std::span<const float> norms2_;                // squared lengths, with l2
  bool one_each_ = true;
  const char* quick_rows_ = nullptr;
  size_t quick_bytes_ = 0;
};

}  // namespace coppice
