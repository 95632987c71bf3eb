#include "index/vector/vectors.h"

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "index/section_file.h"
#include "index/vector/flat_scan.h"
#include "index/vector/vector_part.h"
#include "index/vector/vector_store.h"

namespace coppice {

struct VectorIndex::State {
  std::optional<MappedFile> mapped;
  SectionFile file;
  VectorStore store;
};

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
  auto result = flat_scan(state_->store, prepared, k, allowed, options, report);
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
  std::vector<std::vector<ScoredDoc>> results;
  for (size_t i = 0; i < queries.size(); i += width)
    results.push_back(search(queries.subspan(i, width), k, allowed, options));
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
}

}  // namespace coppice
