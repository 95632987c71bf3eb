#pragma once
// A query made ready for one segment: a list and a weight for each of its terms. And the ways to find its k best
// documents, which all find the same ones.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "index/inverted/fixed_point.h"
#include "index/inverted/inverted_index.h"
#include "index/top_k.h"

namespace coppice {

// A term of a query as the index has it. Weights are above 0 and finite.
struct WeightedTerm {
  std::string term;
  float weight;
  bool operator==(const WeightedTerm&) const = default;
};

// Sums over all segments that are searched together: with them, scores do not depend on how documents are spread.
struct InvertedStatistics {
  PostingKind kind = PostingKind::frequency;
  uint64_t documents = 0, total_length = 0;
  int64_t highest_value = 1;
  double unit = 1;
  // Of the query's terms: how many documents contain them, and what each index keeps of them.
  struct Term {
    uint64_t documents = 0;
    std::vector<std::pair<const InvertedIndex*, TermEntry>> entries;
  };
  std::map<std::string, Term, std::less<>> found;

  void add(const InvertedIndex& index, std::span<const WeightedTerm> terms);
  double average_length() const {
    return documents == 0 ? 0 : static_cast<double>(total_length) / static_cast<double>(documents);
  }
};

// ln(1 + (N - n + 0.5) / (n + 0.5)): the part of BM25 that knows how rare a term is, as Lucene has it.
double inverse_document_frequency(uint64_t documents, uint64_t containing);

// What a query's terms weigh, and in which units; equal for all segments.
struct QueryWeights {
  // A term's weight is the most that one posting adds; for learned weights, what a value of 1 adds.
  struct Term {
    std::string term;
    float weight;
    std::vector<std::pair<const InvertedIndex*, TermEntry>> entries;
  };
  std::vector<Term> terms;
  std::vector<float> lists;  // the same for lists of the query's own, such as phrases
  FixedPoint fixed{1, 1};
  std::vector<float> norms;  // bm25_norms
  Bm25 bm25;
  double average_length = 0;
  PostingKind kind = PostingKind::frequency;
};

// Terms that the collection lacks are left out. Queries' own weights multiply; equal terms are added together.
// `lists` are the weights of the query's own lists.
QueryWeights weigh(std::span<const WeightedTerm> terms, const InvertedStatistics& statistics,
                   const Bm25& bm25, std::vector<float> lists = {});

struct TermScorer {
  PostingList list;
  float weight = 0;      // units: times the part, or for weights times the value
  float bound_unit = 0;  // units that 1/255 of a bound stands for, rounded up
  int32_t bound = 0;     // no posting adds more units than this
  std::array<int32_t, kept_ranks.size()> reached =
      {};  // the 10th, 100th, 1000th best posting adds at least this
};

// Documents of a window are scored together: their scores stay in the nearest cache.
inline constexpr uint32_t window_size = 4096;

struct ScoreWindow {
  std::vector<int32_t> scores = std::vector<int32_t>(window_size);        // all 0 between windows
  std::vector<uint8_t> touched = std::vector<uint8_t>(window_size / 64);  // which 64 of them may not be
};

struct SegmentQuery {
  // The index must outlive it, and be one of those that the statistics behind the weights were made of.
  SegmentQuery(const InvertedIndex& index, const QueryWeights& weights);
  // Adds a list of the query's own that weighs `weight`: documents rise, counts are at least 1.
  void add_list(std::span<const DocOrdinal> docs, std::span<const uint32_t> counts, float weight,
                const FixedPoint& fixed);

  // What one posting of a term adds: the same bits as the kernels compute.
  int32_t contribution(const TermScorer& term, DocOrdinal doc, uint32_t value) const {
    const float v = static_cast<float>(value);
    return static_cast<int32_t>(
        std::lrintf(term.weight * (kind == PostingKind::frequency ? v / (v + norms[lengths[doc]]) : v)));
  }
  int32_t block_bound(const TermScorer& term, uint32_t block) const {
    return static_cast<int32_t>(static_cast<float>(term.list.bound(block)) * term.bound_unit) + 1;
  }
  // Adds the first `count` postings of a block that lie in the window.
  void add(const TermScorer& term, const DocOrdinal* docs, const uint32_t* values, uint32_t count,
           DocOrdinal begin, uint32_t size, ScoreWindow& window) const {
    const auto& kernels = kernels::posting_kernels();
    if (kind == PostingKind::frequency)
      kernels.add_saturated(docs, values, static_cast<int>(count), lengths, norms, term.weight, begin, size,
                            window.scores.data(), window.touched.data());
    else
      kernels.add_linear(docs, values, static_cast<int>(count), term.weight, begin, size,
                         window.scores.data(), window.touched.data());
  }

  PostingKind kind;
  DocOrdinal documents;
  const uint8_t* lengths;
  const float* norms;
  bool bounded = true;  // false if bounds were made for other parameters: then nothing may be skipped
  std::vector<TermScorer> terms;

 private:
  std::vector<std::unique_ptr<std::vector<uint8_t>>> own_lists_;
};

// How the k best are found.
enum class Pruning {
  maxscore,  // block-max MaxScore over windows of documents: frequent, weak terms only where they can matter
  wand,      // block-max WAND, document by document (Ding and Suel 2011)
  none,      // every posting of every term
};
template <>
struct EnumNames<Pruning> {
  static constexpr auto values = std::to_array<std::pair<Pruning, const char*>>(
      {{Pruning::maxscore, "maxscore"}, {Pruning::wand, "wand"}, {Pruning::none, "none"}});
};

// The k best documents among `allowed` (nullptr: all), scores in units and above `floor`: who already has k documents
// that score `floor` + 1 or better needs no others.
std::vector<ScoredDoc> search(const SegmentQuery& query, size_t k, const DocSet* allowed, int32_t floor,
                              Pruning pruning);

// The shelf: one file each.
void search_by_windows(const SegmentQuery& query, const DocSet* allowed, int32_t floor, TopK& top);
void search_maxscore(const SegmentQuery& query, const DocSet* allowed, int32_t floor, TopK& top);
void search_wand(const SegmentQuery& query, const DocSet* allowed, int32_t floor, TopK& top);

// One list's place in a search that goes through documents in order.
struct ListCursor {
  const TermScorer* term;
  uint32_t block = 0;
  uint32_t unpacked = ~uint32_t{0};  // whose documents are in docs
  uint32_t valued = ~uint32_t{0};    // whose values are in values
  uint32_t place = 0;                // in docs
  alignas(64) DocOrdinal docs[block_size + kernels::unpack_over_write];
  alignas(64) uint32_t values[block_size + kernels::unpack_over_write];

  explicit ListCursor(const TermScorer& scorer) : term(&scorer) {}

  void unpack(uint32_t wanted) {
    if (unpacked == wanted) return;
    term->list.docs(wanted, docs);
    std::fill_n(docs + term->list.count(wanted), kernels::unpack_over_write, ~DocOrdinal{0});
    unpacked = wanted;
    place = 0;
  }
  void unpack_values(uint32_t wanted) {
    if (valued == wanted) return;
    term->list.values(wanted, values);
    valued = wanted;
  }
  // Moves `place` to the first of the block's documents at or behind `doc`, or to `count`: by sixteens, then by counting
  // within sixteen.
  void advance(uint32_t count, DocOrdinal doc) {
    while (place + 16 <= count && docs[place + 15] < doc) place += 16;
    uint32_t less = 0;
    for (uint32_t i = 0; i < 16; ++i) less += docs[place + i] < doc;
    place = std::min(place + less, count);
  }
  // Moves to the first posting at or behind `doc`, which must not fall from call to call, and gives its document;
  // the largest number there is behind the last.
  DocOrdinal seek(DocOrdinal doc) {
    const PostingList& list = term->list;
    for (block = list.seek(block, doc); block < list.blocks(); ++block) {
      unpack(block);
      const uint32_t count = list.count(block);
      advance(count, doc);
      if (place < count) return docs[place];
    }
    return ~DocOrdinal{0};
  }
  uint32_t value() const { return term->list.value(block, place); }
};

}  // namespace coppice
