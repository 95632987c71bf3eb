#pragma once
// Late interaction over token vectors: centroids and residual codes as in ColBERTv2 (Santhanam et al. 2022a), searched
// as in PLAID (Santhanam et al. 2022b). An immutable file of one segment, mapped when opened.
//
//   score(q, d) = sum over query tokens i of max over tokens j of d of q_i . d_j
//
// A token is stored as the number of its nearest centroid and, per dimension, 1, 2 or 4 bits that say in which bucket
// its difference from the centroid lies; decoded, it is the centroid plus the buckets' mean values, brought to length 1
// if `normalize`. Exact search decodes everything; PLAID's search looks at the documents that have tokens near the
// query's and decodes few.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/fields.h"
#include "index/doc_set.h"
#include "index/top_k.h"

namespace coppice {

enum class TokenStorage { none, f32, bf16 };
template <>
struct EnumNames<TokenStorage> {
  static constexpr auto values = std::to_array<std::pair<TokenStorage, const char*>>(
      {{TokenStorage::none, "none"}, {TokenStorage::f32, "f32"}, {TokenStorage::bf16, "bf16"}});
};

struct LateIndexSpec {
  int64_t bits = 2;
  int64_t centroids = 0;
  int64_t iterations = 6;
  TokenStorage tokens = TokenStorage::none;
  bool normalize = true;
  int64_t nprobe = 4, candidates = 4096;
  double threshold = 0.4;
  int64_t seed = 1;
  static void fields(auto& self, auto&& field) {
    field("bits", self.bits, {.help = "bits per dimension of a residual: 1, 2 or 4", .min = 1, .max = 4});
    field("centroids", self.centroids,
          {.help = "0: the power of two at or below 16 times the root of the number of tokens",
           .min = 0,
           .max = 1 << 24});
    field("iterations", self.iterations, {.help = "of k-means", .min = 1, .max = 1000});
    field("tokens", self.tokens, {.help = "whether the token vectors themselves are kept, for exact scores"});
    field("normalize", self.normalize, {.help = "token vectors have length 1"});
    field("nprobe", self.nprobe,
          {.help = "centroids per query token whose documents are candidates", .min = 1, .max = 1 << 24});
    field(
        "candidates", self.candidates,
        {.help = "documents kept after the pruned comparison; a quarter of them, and at least k, are decoded",
         .min = 1,
         .max = int64_t{1} << 31});
    field("threshold", self.threshold,
          {.help = "centroids whose best similarity with a query token is lower are left out of the pruned "
                   "comparison"});
    field("seed", self.seed, {.help = "seed of k-means", .min = 0});
  }
};

// Rows of `dim` floats, one behind the other.
struct TokenMatrix {
  std::span<const float> values;
  int64_t dim = 0;
  int64_t rows() const { return dim == 0 ? 0 : static_cast<int64_t>(values.size()) / dim; }
  std::span<const float> row(int64_t i) const {
    return values.subspan(static_cast<size_t>(i * dim), static_cast<size_t>(dim));
  }
};

// What encoding needs: centroids and buckets. Segments of one index share it, so that adding needs no training.
struct LateCodebook {
  int64_t dim = 0, bits = 0;
  std::vector<float> centroids;         // (count, dim)
  std::vector<float> cutoffs, weights;  // 2^bits - 1 and 2^bits
  double error = 0;                     // mean squared distance of a training token from its decoded form
  int64_t count() const { return dim == 0 ? 0 : static_cast<int64_t>(centroids.size()) / dim; }
};

class LateIndex;

class LateIndexBuilder {
 public:
  // With a codebook, tokens are encoded by it; without, `write` trains one on a sample of the tokens.
  LateIndexBuilder(LateIndexSpec spec, int64_t dim, size_t documents,
                   std::optional<LateCodebook> codebook = {});
  ~LateIndexBuilder();

  // Ordinals ascend, each once; a document without tokens may come or not. A wrong dimension, NaN and infinity are
  // Errors that begin with `where`.
  void add(DocOrdinal doc, const TokenMatrix& tokens, const std::string& where = "tokens");

  // The same for a document of an index that was encoded by the codebook given: its codes are kept as they are. Of one
  // builder, all documents come in the same way.
  void add_stored(DocOrdinal doc, const LateIndex& from, DocOrdinal of);

  // Mean squared error of the tokens of this segment over that of the tokens that the codebook was trained on: about 1
  // without drift. Known after `write`, which logs a warning if it exceeds `drift_limit`.
  static constexpr double drift_limit = 1.5;
  struct Report {
    int64_t tokens = 0, centroids = 0;
    double error = 0, drift = 1;
  };
  // With an `order`, a permutation, document order[i] becomes the i-th. The builder is empty afterwards.
  Report write(const std::filesystem::path& path, std::span<const DocOrdinal> order = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct LateSearchReport {
  bool exact = false;
  int64_t candidates = 0, interacted = 0, decoded = 0;  // documents after each stage
};

struct LateSearchOptions {
  bool exact = false;  // decode every document
  std::optional<int64_t> nprobe, candidates;
  std::optional<double> threshold;
  // A weight for every query token, or none; scores are the weighted sums (ColBERT-PRF).
  std::span<const float> weights = {};
  LateSearchReport* report = nullptr;
  static void fields(auto& self, auto&& field) {
    field("exact", self.exact, {.help = "compare with every token of every document"});
    field("nprobe", self.nprobe,
          {.help = "centroids per query token whose documents are candidates", .min = 1});
    field("candidates", self.candidates, {.help = "documents kept after the pruned comparison", .min = 1});
    field("threshold", self.threshold, {.help = "least similarity of centroids in the pruned comparison"});
  }
};

struct TokenMatch {
  int64_t query_token, doc_token;
  float similarity;
};

struct LateFile;

class LateIndex {
 public:
  static LateIndex open(const std::filesystem::path& path);
  // The same over bytes in memory, which must outlive the index and begin on a multiple of 64.
  static LateIndex parse(std::span<const std::byte> bytes, const std::string& where);
  LateIndex(LateIndex&&) noexcept;
  LateIndex& operator=(LateIndex&&) noexcept;
  ~LateIndex();

  const LateIndexSpec& spec() const;
  int64_t dim() const;
  size_t documents() const;  // of the segment
  int64_t tokens() const;
  int64_t centroids() const;
  uint64_t bytes() const;
  double drift() const;  // as LateIndexBuilder::Report has it
  LateCodebook codebook() const;

  // The k best documents with tokens among `allowed` (nullptr: all). An Error if the query has another dimension, no
  // tokens or numbers that are not finite.
  std::vector<ScoredDoc> search(const TokenMatrix& query, size_t k, const DocSet* allowed = nullptr,
                                const LateSearchOptions& options = {}) const;

  // The score of one document, or nothing if it has no tokens.
  std::optional<float> score(DocOrdinal doc, const TokenMatrix& query,
                             std::span<const float> weights = {}) const;
  // Which token of the document each query token matched best.
  std::vector<TokenMatch> explain(DocOrdinal doc, const TokenMatrix& query) const;

  // Documents with a token that has the same nearest centroid as this one.
  int64_t documents_near(std::span<const float> token) const;

  // The tokens of a document as scores see them: kept or decoded, (tokens, dim).
  std::vector<float> tokens_of(DocOrdinal doc) const;
  void for_each(const std::function<void(DocOrdinal, const TokenMatrix&)>& visit) const;

  // Checksums, and that the lists hold together; an Error otherwise.
  void verify() const;

 private:
  friend class LateIndexBuilder;
  explicit LateIndex(std::unique_ptr<LateFile> file);
  std::unique_ptr<LateFile> file_;
};

}  // namespace coppice
