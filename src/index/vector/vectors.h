#pragma once
// Vectors of the documents of one segment: an immutable file, mapped when opened, and the search for the nearest.
//
// A document may have several vectors; its score is the best of theirs. The score of every document returned is that
// of its stored vectors (rounded if they are bf16), whatever found it. A flat search is exact: with int8 the first pass
// knows how far each of its scores can be from the stored vector's and keeps all that may be among the k best; only
// with `rerank: none`, where nothing else is stored, scores are those of the int8 vectors themselves. hnsw and ivf_pq
// find most of the nearest. Results are ordered as TopK says and do not depend on threads or on other queries in a call.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "index/doc_set.h"
#include "index/top_k.h"
#include "index/vector/vector_spec.h"

namespace coppice {

inline constexpr int64_t max_vector_dim = 32767;

class VectorIndexBuilder {
 public:
  // `documents` of the segment; ordinals are below it.
  VectorIndexBuilder(VectorIndexSpec spec, int64_t dim, size_t documents);
  ~VectorIndexBuilder();

  // Ordinals ascend; a document may come again with a further vector, or not at all. A wrong dimension, NaN and
  // infinity are Errors that begin with `where`.
  void add(DocOrdinal doc, std::span<const float> vector, const std::string& where = "vector");
  // The same for a vector that VectorIndex::for_each gave: it is kept as it is, not normalised again.
  void add_stored(DocOrdinal doc, std::span<const float> vector);
  size_t vectors() const;

  // Writes the file `path`, atomically. With an `order`, a permutation, document order[i] becomes the i-th. The builder
  // is empty afterwards.
  void write(const std::filesystem::path& path, std::span<const DocOrdinal> order = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What a search did.
struct VectorSearchReport {
  bool exact = false;    // the result is surely that of comparing all vectors
  int64_t scanned = 0;   // similarities computed with the first type stored
  int64_t reranked = 0;  // similarities computed with the exact vectors of candidates
};

struct VectorSearchOptions {
  bool exact = false;                // compare all, whatever the method
  std::optional<int64_t> ef_search;  // hnsw
  std::optional<int64_t> probes;     // ivf_pq
  std::optional<int64_t>
      refine;  // int8 flat: rerank this many times k instead of all that may be best; ivf_pq
  VectorSearchReport* report = nullptr;
  static void fields(auto& self, auto&& field) {
    field("exact", self.exact, {.help = "compare with all vectors"});
    field("ef_search", self.ef_search,
          {.help = "hnsw: candidates kept while searching", .min = 1, .max = 1 << 20});
    field("probes", self.probes, {.help = "ivf_pq: lists searched", .min = 1});
    field(
        "refine", self.refine,
        {.help = "candidates compared with the stored vectors, in multiples of k", .min = 1, .max = 100000});
  }
};

class VectorIndex {
 public:
  static VectorIndex open(const std::filesystem::path& path);
  // The same over bytes in memory, which must outlive the index and begin on a multiple of 64.
  static VectorIndex parse(std::span<const std::byte> bytes, const std::string& where);
  VectorIndex(VectorIndex&&) noexcept;
  VectorIndex& operator=(VectorIndex&&) noexcept;
  ~VectorIndex();

  const VectorIndexSpec& spec() const;
  int64_t dim() const;
  size_t documents() const;  // of the segment
  size_t vectors() const;
  uint64_t bytes() const;

  // The k best documents among `allowed` (nullptr: all), which has as many documents as the segment. An Error if the
  // query is not of `dim` finite numbers.
  std::vector<ScoredDoc> search(std::span<const float> query, size_t k, const DocSet* allowed = nullptr,
                                const VectorSearchOptions& options = {}) const;
  // The same for queries that lie one behind the other; faster than one by one.
  std::vector<std::vector<ScoredDoc>> search_batch(std::span<const float> queries, size_t k,
                                                   const DocSet* allowed = nullptr,
                                                   const VectorSearchOptions& options = {}) const;

  // The score of one document, or nothing if it has no vector.
  std::optional<float> score(DocOrdinal doc, std::span<const float> query) const;

  // Every vector in the order of adding, as it is stored (normalised if cosine).
  void for_each(const std::function<void(DocOrdinal, std::span<const float>)>& visit) const;
  // The vectors of one document.
  std::vector<std::vector<float>> vectors_of(DocOrdinal doc) const;

  // Checksums, and that the graph or the lists hold together; an Error otherwise.
  void verify() const;

 private:
  struct State;
  explicit VectorIndex(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace coppice
