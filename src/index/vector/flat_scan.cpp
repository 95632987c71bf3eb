#include "index/vector/flat_scan.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/parallel.h"
#include "kernels/vector_isa.h"

namespace coppice {
namespace {

constexpr uint32_t block_rows = 256;
// Ranges that threads take: fewer rows are not worth waking one.
constexpr int64_t rows_per_range = 16384;

constexpr float lowest = -std::numeric_limits<float>::infinity();

// Offers the best score of each document of ascending rows; a document may go on in the next call.
class DocMaximum {
 public:
  explicit DocMaximum(TopK& top) : top_(top) {}
  ~DocMaximum() { flush(); }
  void add(DocOrdinal doc, float score) {
    if (any_ && doc != doc_) flush();
    best_ = any_ ? std::max(best_, score) : score;
    doc_ = doc;
    any_ = true;
  }
  void flush() {
    if (any_ && best_ >= top_.threshold()) top_.offer(doc_, best_);
    any_ = false;
  }

 private:
  TopK& top_;
  DocOrdinal doc_ = 0;
  float best_ = lowest;
  bool any_ = false;
};

// A damaged file may hold what makes a score NaN; it ranks last.
float ranked(float score) {
  return std::isnan(score) ? lowest : score;
}

// The first row at or behind `row` that begins a document.
uint32_t document_begin(std::span<const DocOrdinal> docs, int64_t row) {
  auto at = static_cast<size_t>(row);
  while (at > 0 && at < docs.size() && docs[at] == docs[at - 1]) ++at;
  return static_cast<uint32_t>(at);
}

struct Candidate {
  uint32_t row;
  float upper;
};

// Visits the allowed rows of [begin, end) in blocks: visit(ids or nullptr, first, count).
template <class Visit>
void for_blocks(const VectorStore& store, uint32_t begin, uint32_t end, const DocSet* allowed,
                Visit&& visit) {
  const auto docs = store.docs();
  uint32_t ids[block_rows];
  for (uint32_t first = begin; first < end; first += std::min(block_rows, end - first)) {
    const uint32_t count = std::min(block_rows, end - first);
    if (allowed == nullptr) {
      visit(nullptr, first, count);
      continue;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; ++i) {
      ids[kept] = first + i;
      kept += allowed->contains(docs[first + i]);
    }
    if (kept == count)
      visit(nullptr, first, count);
    else if (kept > 0)
      visit(ids, first, kept);
  }
}

// Runs scan(begin, end) over ranges of rows that do not cut a document.
template <class Scan>
void for_ranges(const VectorStore& store, Scan&& scan) {
  parallel_for(store.count(), rows_per_range, [&](int64_t begin, int64_t end) {
    scan(document_begin(store.docs(), begin), document_begin(store.docs(), end));
  });
}

void merge_into(TopK& all, TopK& part) {
  for (const auto& [doc, score] : part.take()) all.offer(doc, score);
}

std::vector<ScoredDoc> plain_scan(const VectorStore& store, const PreparedQuery& query, size_t k,
                                  const DocSet* allowed, VectorSearchReport& report) {
  TopK all(k);
  std::mutex merging;
  for_ranges(store, [&](uint32_t begin, uint32_t end) {
    TopK top(k);
    int64_t scanned = 0;
    {
      DocMaximum documents(top);
      for_blocks(store, begin, end, allowed, [&](const uint32_t* ids, uint32_t first, uint32_t count) {
        float scores[block_rows];
        store.scores(query, ids, first, count, scores);
        scanned += count;
        const auto docs = store.docs();
        for (uint32_t i = 0; i < count; ++i)
          documents.add(docs[ids != nullptr ? ids[i] : first + i], ranked(scores[i]));
      });
    }
    const std::lock_guard lock(merging);
    merge_into(all, top);
    report.scanned += scanned;
  });
  return all.take();
}

// The candidates whose upper bound reaches the k-th best lower bound, by row.
std::vector<uint32_t> surviving_rows(std::vector<Candidate>& candidates, float threshold) {
  std::vector<uint32_t> rows;
  for (const auto& [row, upper] : candidates)
    if (upper >= threshold) rows.push_back(row);
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::vector<ScoredDoc> byte_scan(const VectorStore& store, const PreparedQuery& query, size_t k,
                                 const DocSet* allowed, VectorSearchReport& report) {
  TopK lower_bounds(k);
  std::vector<Candidate> candidates;
  std::mutex merging;
  for_ranges(store, [&](uint32_t begin, uint32_t end) {
    TopK top(k);
    std::vector<Candidate> found;
    int64_t scanned = 0;
    {
      DocMaximum documents(top);
      for_blocks(store, begin, end, allowed, [&](const uint32_t* ids, uint32_t first, uint32_t count) {
        float scores[block_rows], slack[block_rows];
        store.byte_scores(query, ids, first, count, scores, slack);
        scanned += count;
        const auto docs = store.docs();
        for (uint32_t i = 0; i < count; ++i) {
          if (scores[i] + slack[i] < top.threshold()) continue;
          const uint32_t row = ids != nullptr ? ids[i] : first + i;
          found.push_back({row, scores[i] + slack[i]});
          documents.add(docs[row], ranked(scores[i] - slack[i]));
        }
      });
    }
    const std::lock_guard lock(merging);
    merge_into(lower_bounds, top);
    candidates.insert(candidates.end(), found.begin(), found.end());
    report.scanned += scanned;
  });
  const auto rows = surviving_rows(candidates, lower_bounds.threshold());
  report.reranked += static_cast<int64_t>(rows.size());
  return rerank_rows(store, query, k, rows);
}

// The `wanted` best rows by bytes.
std::vector<uint32_t> best_rows_by_bytes(const VectorStore& store, const PreparedQuery& query, size_t wanted,
                                         const DocSet* allowed, VectorSearchReport& report) {
  TopK all(wanted);  // of rows, not of documents
  std::mutex merging;
  for_ranges(store, [&](uint32_t begin, uint32_t end) {
    TopK top(wanted);
    int64_t scanned = 0;
    for_blocks(store, begin, end, allowed, [&](const uint32_t* ids, uint32_t first, uint32_t count) {
      float scores[block_rows];
      store.byte_scores(query, ids, first, count, scores, nullptr);
      scanned += count;
      for (uint32_t i = 0; i < count; ++i)
        if (scores[i] > top.threshold()) top.offer(ids != nullptr ? ids[i] : first + i, scores[i]);
    });
    const std::lock_guard lock(merging);
    merge_into(all, top);
    report.scanned += scanned;
  });
  std::vector<uint32_t> rows;
  for (const auto& best : all.take()) rows.push_back(best.doc);
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

std::vector<ScoredDoc> rerank_rows(const VectorStore& store, const PreparedQuery& query, size_t k,
                                   std::span<const uint32_t> rows) {
  TopK top(k);
  {
    DocMaximum documents(top);
    float scores[block_rows];
    for (size_t begin = 0; begin < rows.size(); begin += block_rows) {
      const auto block = rows.subspan(begin, std::min<size_t>(block_rows, rows.size() - begin));
      store.scores(query, block.data(), 0, static_cast<int64_t>(block.size()), scores);
      for (size_t i = 0; i < block.size(); ++i) documents.add(store.docs()[block[i]], ranked(scores[i]));
    }
  }
  return top.take();
}

std::vector<ScoredDoc> flat_scan(const VectorStore& store, const PreparedQuery& query, size_t k,
                                 const DocSet* allowed, const VectorSearchOptions& options,
                                 VectorSearchReport& report) {
  report.exact = true;
  if (!store.approximate_first()) return plain_scan(store, query, k, allowed, report);
  if (!options.refine || options.exact) return byte_scan(store, query, k, allowed, report);
  report.exact = false;
  const auto rows =
      best_rows_by_bytes(store, query, k * static_cast<size_t>(*options.refine), allowed, report);
  report.reranked += static_cast<int64_t>(rows.size());
  return rerank_rows(store, query, k, rows);
}

}  // namespace coppice
