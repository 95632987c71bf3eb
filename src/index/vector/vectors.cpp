#include "index/vector/vectors.h"

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "base/parallel.h"
#include "index/section_file.h"
#include "index/vector/flat_scan.h"
#include "index/vector/hnsw_graph.h"
#include "index/vector/ivf_pq.h"
#include "index/vector/vector_part.h"
#include "index/vector/vector_store.h"

namespace coppice {

struct VectorIndex::State {
  std::optional<MappedFile> mapped;
  SectionFile file;
  VectorStore store;
  HnswLinks graph;
  IvfPqLists lists;

  void open_graph();
  void open_lists();
  size_t documents_with_vectors(const DocSet* allowed, size_t most) const;
  std::vector<ScoredDoc> search(const PreparedQuery& query, size_t k, const DocSet* allowed,
                                const VectorSearchOptions& options, VectorSearchReport& report) const;
  std::vector<ScoredDoc> search_candidates(const PreparedQuery& query, size_t k, const DocSet* allowed,
                                           const VectorSearchOptions& options,
                                           VectorSearchReport& report) const;
};

void VectorIndex::State::open_graph() {
  const VectorPart& part = store.part();
  const auto rows = static_cast<uint64_t>(part.vectors), m = static_cast<uint64_t>(part.spec.hnsw.m);
  if (rows > 0 && part.entry >= part.vectors)
    throw Error({.where = file.where(),
                 .found = fmt::format("a graph that begins at row {} of {}", part.entry, rows)});
  graph = {.m = part.spec.hnsw.m,
           .max_level = part.max_level,
           .rows = store.count(),
           .entry = static_cast<uint32_t>(part.entry),
           .lowest = file.array<uint32_t>("links", rows, 2 * m),
           .upper_at = file.array<uint32_t>("upper_at", rows),
           .upper = file.array<uint32_t>("upper_links", static_cast<uint64_t>(part.upper_rows), m)};
}

void VectorIndex::State::open_lists() {
  const VectorPart& part = store.part();
  if (part.lists < 1 || part.subquantizers < 1)
    throw Error({.where = file.where(),
                 .found = fmt::format("{} lists and {} bytes of a code", part.lists, part.subquantizers),
                 .expected = "one of each at least"});
  const auto rows = static_cast<uint64_t>(part.vectors), count = static_cast<uint64_t>(part.lists);
  const auto bytes = static_cast<uint64_t>(part.subquantizers), dim = static_cast<uint64_t>(part.dim);
  lists = {.dim = part.dim,
           .lists = part.lists,
           .subquantizers = part.subquantizers,
           .centroids = file.array<float>("centroids", count, dim),
           .begins = file.array<uint64_t>("list_begins", count + 1),
           .rows = file.array<uint32_t>("list_rows", rows),
           .pieces = file.array<float>("pieces", bytes * ((dim + bytes - 1) / bytes), 256),
           .codes = file.array<uint8_t>("codes", rows, bytes),
           .centroid_norms2 = file.array<float>("centroid_norm2", count),
           .norms2 = {}};
  if (part.spec.similarity == Similarity::l2) lists.norms2 = file.array<float>("decoded_norm2", rows);
  check_ivf_pq_places(lists, file.where());
}

// At most `most`, for which alone it is counted.
size_t VectorIndex::State::documents_with_vectors(const DocSet* allowed, size_t most) const {
  const auto docs = store.docs();
  size_t found = 0;
  for (size_t i = 0; i < docs.size() && found < most; ++i)
    found += (i == 0 || docs[i] != docs[i - 1]) && (allowed == nullptr || allowed->contains(docs[i]));
  return found;
}

std::vector<ScoredDoc> VectorIndex::State::search(const PreparedQuery& query, size_t k, const DocSet* allowed,
                                                  const VectorSearchOptions& options,
                                                  VectorSearchReport& report) const {
  if (store.part().spec.method == VectorMethod::flat || options.exact || k == 0 || store.count() == 0)
    return flat_scan(store, query, k, allowed, options, report);
  return search_candidates(query, k, allowed, options, report);
}

// Rows that the method finds, more of them until they are of k documents. Where it would look at as many as there are,
// all are compared.
std::vector<ScoredDoc> VectorIndex::State::search_candidates(const PreparedQuery& query, size_t k,
                                                             const DocSet* allowed,
                                                             const VectorSearchOptions& options,
                                                             VectorSearchReport& report) const {
  const VectorIndexSpec& spec = store.part().spec;
  const auto count = static_cast<double>(store.count());
  const bool graphed = spec.method == VectorMethod::hnsw;
  const double share =
      allowed == nullptr || allowed->documents() == 0
          ? 1
          : static_cast<double>(allowed->count()) / static_cast<double>(allowed->documents());
  double wanted, probes = 0;
  if (graphed) {
    wanted = std::max(static_cast<double>(options.ef_search.value_or(spec.hnsw.ef_search)),
                      static_cast<double>(k)) /
             std::max(share, 1e-9);
  } else {
    const int64_t usual =
        spec.ivf_pq.probes > 0 ? spec.ivf_pq.probes : std::max<int64_t>(4, lists.lists / 32);
    wanted = static_cast<double>(k) * static_cast<double>(options.refine.value_or(spec.ivf_pq.refine));
    probes = static_cast<double>(options.probes.value_or(usual)) / std::max(share, 1e-9);
  }
  std::optional<size_t> enough;
  for (;; wanted *= 2, probes *= 2) {
    if (graphed ? wanted * static_cast<double>(spec.hnsw.m) >= count
                : wanted >= count || probes > static_cast<double>(lists.lists) * 2)
      return flat_scan(store, query, k, allowed, {.exact = true}, report);
    auto rows = graphed ? hnsw_rows(graph, store, query, static_cast<size_t>(wanted), report.scanned)
                        : ivf_pq_rows(lists, store, query, static_cast<size_t>(wanted),
                                      static_cast<int64_t>(probes), allowed, report.scanned);
    if (allowed != nullptr)
      std::erase_if(rows, [&](uint32_t row) { return !allowed->contains(store.docs()[row]); });
    std::sort(rows.begin(), rows.end());
    if (store.approximate_first() || !graphed) report.reranked += static_cast<int64_t>(rows.size());
    auto best = rerank_rows(store, query, k, rows);
    if (best.size() >= k) return best;
    if (!enough) enough = documents_with_vectors(allowed, k);
    if (best.size() >= *enough) return best;
  }
}

VectorIndex::VectorIndex(std::unique_ptr<State> state) : state_(std::move(state)) {}
VectorIndex::VectorIndex(VectorIndex&&) noexcept = default;
VectorIndex& VectorIndex::operator=(VectorIndex&&) noexcept = default;
VectorIndex::~VectorIndex() = default;

VectorIndex VectorIndex::open(const std::filesystem::path& path) {
  MappedFile mapped(path);
  VectorIndex index = parse(mapped.bytes(), path.string());
  index.state_->mapped.emplace(std::move(mapped));
  return index;
}

VectorIndex VectorIndex::parse(std::span<const std::byte> bytes, const std::string& where) {
  auto state = std::make_unique<State>();
  state->file = SectionFile(bytes, vector_part_kind, where);
  const auto part = from_json<VectorPart>(state->file.part(), where);
  state->store = VectorStore(part, state->file);
  if (part.spec.method == VectorMethod::hnsw) state->open_graph();
  if (part.spec.method == VectorMethod::ivf_pq) state->open_lists();
  return VectorIndex(std::move(state));
}

const VectorIndexSpec& VectorIndex::spec() const {
  return state_->store.part().spec;
}
int64_t VectorIndex::dim() const {
  return state_->store.dim();
}
size_t VectorIndex::documents() const {
  return static_cast<size_t>(state_->store.part().documents);
}
size_t VectorIndex::vectors() const {
  return state_->store.count();
}
uint64_t VectorIndex::bytes() const {
  return state_->file.size();
}

std::vector<ScoredDoc> VectorIndex::search(std::span<const float> query, size_t k, const DocSet* allowed,
                                           const VectorSearchOptions& options) const {
  COPPICE_CHECK(allowed == nullptr || allowed->documents() == documents());
  const PreparedQuery prepared = state_->store.prepare(query);
  VectorSearchReport report;
  auto result = state_->search(prepared, k, allowed, options, report);
  if (options.report != nullptr) *options.report = report;
  return result;
}

std::vector<std::vector<ScoredDoc>> VectorIndex::search_batch(std::span<const float> queries, size_t k,
                                                              const DocSet* allowed,
                                                              const VectorSearchOptions& options) const {
  const auto width = static_cast<size_t>(dim());
  if (queries.size() % width != 0)
    throw Error({.where = "query vectors",
                 .found = fmt::format("{} numbers", queries.size()),
                 .expected = fmt::format("a multiple of {}, the dimension of the index", width)});
  std::vector<std::vector<ScoredDoc>> results(queries.size() / width);
  VectorSearchOptions each = options;
  each.report = nullptr;
  parallel_for(static_cast<int64_t>(results.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      results[i] = search(queries.subspan(i * width, width), k, allowed, each);
  });
  return results;
}

std::optional<float> VectorIndex::score(DocOrdinal doc, std::span<const float> query) const {
  const auto [first, last] = state_->store.rows_of(doc);
  if (first == last) return std::nullopt;
  std::vector<float> scores(last - first);
  state_->store.scores(state_->store.prepare(query), nullptr, first, last - first, scores.data());
  return *std::max_element(scores.begin(), scores.end());
}

void VectorIndex::for_each(const std::function<void(DocOrdinal, std::span<const float>)>& visit) const {
  for (uint32_t row = 0; row < state_->store.count(); ++row)
    visit(state_->store.docs()[row], state_->store.vector(row));
}

std::vector<std::vector<float>> VectorIndex::vectors_of(DocOrdinal doc) const {
  std::vector<std::vector<float>> vectors;
  const auto [first, last] = state_->store.rows_of(doc);
  for (uint32_t row = first; row < last; ++row) vectors.push_back(state_->store.vector(row));
  return vectors;
}

void VectorIndex::verify() const {
  state_->file.verify();
  verify_hnsw(state_->graph, state_->file.where());
  verify_ivf_pq(state_->lists, state_->file.where());
}

}  // namespace coppice
