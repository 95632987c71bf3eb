#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/parallel.h"
#include "format/float16.h"
#include "index/vector/hnsw_graph.h"
#include "index/vector/ivf_pq.h"
#include "index/vector/vector_part.h"
#include "index/vector/vector_store.h"
#include "index/vector/vectors.h"

namespace coppice {

struct VectorIndexBuilder::State {
  VectorPart part;
  std::vector<DocOrdinal> docs;
  std::vector<float> values;  // (vectors, dim)
};

VectorIndexBuilder::VectorIndexBuilder(VectorIndexSpec spec, int64_t dim, size_t documents)
    : state_(std::make_unique<State>()) {
  if (dim < 1 || dim > max_vector_dim)
    throw Error({.where = "vectors",
                 .found = fmt::format("{} dimensions", dim),
                 .expected = fmt::format("1 to {}", max_vector_dim)});
  state_->part = {.spec = spec, .dim = dim, .documents = static_cast<int64_t>(documents)};
}
VectorIndexBuilder::~VectorIndexBuilder() = default;

size_t VectorIndexBuilder::vectors() const {
  return state_->docs.size();
}

void VectorIndexBuilder::add(DocOrdinal doc, std::span<const float> vector, const std::string& where) {
  State& state = *state_;
  COPPICE_CHECK(doc < state.part.documents && (state.docs.empty() || doc >= state.docs.back()));
  if (static_cast<int64_t>(vector.size()) != state.part.dim)
    throw Error({.where = where,
                 .found = fmt::format("{} dimensions", vector.size()),
                 .expected = fmt::format("{}, as the first vector has", state.part.dim)});
  for (size_t i = 0; i < vector.size(); ++i)
    if (!std::isfinite(vector[i]))
      throw Error({.where = fmt::format("{}, dimension {}", where, i),
                   .found = fmt::format("{}", vector[i]),
                   .expected = "a finite number"});
  if (state.docs.size() >= 0xFFFFFFFEu)
    throw Error({.where = where, .found = "more than 4,294,967,294 vectors in one segment"}, Fault::resource);
  add_stored(doc, vector);
  if (state.part.spec.similarity == Similarity::cosine)
    normalize_vector(std::span(state.values).last(vector.size()));
}

void VectorIndexBuilder::add_stored(DocOrdinal doc, std::span<const float> vector) {
  State& state = *state_;
  COPPICE_CHECK(doc < state.part.documents && (state.docs.empty() || doc >= state.docs.back()));
  COPPICE_CHECK(static_cast<int64_t>(vector.size()) == state.part.dim);
  state.docs.push_back(doc);
  state.values.insert(state.values.end(), vector.begin(), vector.end());
}

namespace {

// Rows of the new order: those of document order[i], for every i.
std::vector<uint32_t> rows_in_order(std::span<const DocOrdinal> docs, std::span<const DocOrdinal> order,
                                    std::vector<DocOrdinal>& new_docs) {
  std::vector<uint32_t> rows;
  rows.reserve(docs.size());
  new_docs.reserve(docs.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const auto [first, last] = std::equal_range(docs.begin(), docs.end(), order[i]);
    for (auto at = first; at != last; ++at) {
      rows.push_back(static_cast<uint32_t>(at - docs.begin()));
      new_docs.push_back(static_cast<DocOrdinal>(i));
    }
  }
  COPPICE_CHECK(rows.size() == docs.size());
  return rows;
}

}  // namespace

void VectorIndexBuilder::write(const std::filesystem::path& path, std::span<const DocOrdinal> order) {
  State& state = *state_;
  VectorPart part = state.part;
  const auto& spec = part.spec;
  const auto dim = static_cast<size_t>(part.dim);
  const size_t rows = state.docs.size();
  part.vectors = static_cast<int64_t>(rows);
  if (!order.empty()) {
    COPPICE_CHECK(static_cast<int64_t>(order.size()) == part.documents);
    std::vector<DocOrdinal> docs;
    const auto from = rows_in_order(state.docs, order, docs);
    std::vector<float> values(state.values.size());
    for (size_t row = 0; row < rows; ++row)
      std::copy_n(state.values.begin() + static_cast<int64_t>(from[row] * dim), dim,
                  values.begin() + static_cast<int64_t>(row * dim));
    state.docs = std::move(docs);
    state.values = std::move(values);
  }

  const bool bytes = spec.stored == VectorType::int8;
  const bool as_f32 = spec.stored == VectorType::f32 || (bytes && spec.rerank == RerankType::f32);
  const bool as_bf16 = spec.stored == VectorType::bf16 || (bytes && spec.rerank == RerankType::bf16);
  const auto f32_columns = static_cast<size_t>(f32_stride(part.dim));
  const auto bf16_columns = static_cast<size_t>(bf16_stride(part.dim));
  const auto int8_columns = static_cast<size_t>(int8_stride(part.dim));
  std::vector<float> f32(as_f32 ? rows * f32_columns : 0), scale, norm, error, norm2(rows);
  std::vector<uint16_t> bf16(as_bf16 ? rows * bf16_columns : 0);
  std::vector<int8_t> int8(bytes ? rows * int8_columns : 0);
  if (bytes)
    for (auto* values : {&scale, &norm, &error}) values->resize(rows);
  parallel_for(static_cast<int64_t>(rows), 1024, [&](int64_t begin, int64_t end) {
    for (auto row = static_cast<size_t>(begin); row < static_cast<size_t>(end); ++row) {
      const auto values = std::span(state.values).subspan(row * dim, dim);
      if (as_bf16)
        for (size_t i = 0; i < dim; ++i) {
          bf16[row * bf16_columns + i] = float_to_bf16(values[i]);
          values[i] = bf16_to_float(bf16[row * bf16_columns + i]);  // what is stored is what counts
        }
      if (as_f32)
        std::copy(values.begin(), values.end(), f32.begin() + static_cast<int64_t>(row * f32_columns));
      if (bytes) {
        const auto to = std::span(int8).subspan(row * int8_columns, int8_columns);
        const Int8Row quantized = quantize_int8(values, to);
        scale[row] = quantized.scale;
        norm[row] = quantized.norm;
        error[row] = quantized.error;
        if (spec.rerank == RerankType::none)
          for (size_t i = 0; i < dim; ++i) values[i] = quantized.scale * static_cast<float>(to[i]);
      }
      double sum = 0;
      for (const float value : values) sum += double{value} * value;
      norm2[row] = static_cast<float>(sum);
    }
  });
  for (const float value : norm2)
    part.max_norm = std::max(part.max_norm, std::sqrt(double{value}) * (1 + 1e-6));

  SectionWriter writer;
  writer.add("docs", std::span<const DocOrdinal>(state.docs));
  if (as_f32) writer.add("f32", std::span<const float>(f32));
  if (as_bf16) writer.add("bf16", std::span<const uint16_t>(bf16));
  if (bytes) {
    writer.add("int8", std::span<const int8_t>(int8));
    writer.add("scale", std::span<const float>(scale));
    writer.add("norm", std::span<const float>(norm));
    writer.add("error", std::span<const float>(error));
  }
  if (spec.similarity == Similarity::l2)
    writer.add("norm2", std::span<const float>(norm2));
  else
    norm2.clear();
  HnswGraph graph;
  if (spec.method == VectorMethod::hnsw) {
    graph = build_hnsw(VectorStore(part, VectorRows{state.docs, f32, bf16, int8, scale, norm, error, norm2}),
                       spec.hnsw, spec.seed);
    part.entry = graph.entry;
    part.max_level = graph.max_level;
    part.upper_rows = static_cast<int64_t>(graph.upper.size()) / spec.hnsw.m;
    writer.add("links", std::span<const uint32_t>(graph.lowest));
    writer.add("upper_at", std::span<const uint32_t>(graph.upper_at));
    writer.add("upper_links", std::span<const uint32_t>(graph.upper));
  }
  IvfPq lists;
  if (spec.method == VectorMethod::ivf_pq) {
    lists = build_ivf_pq(state.values, part);
    part.lists = lists.lists;
    part.subquantizers = lists.subquantizers;
    writer.add("centroids", std::span<const float>(lists.centroids));
    writer.add("centroid_norm2", std::span<const float>(lists.centroid_norms2));
    writer.add("list_begins", std::span<const uint64_t>(lists.begins));
    writer.add("list_rows", std::span<const uint32_t>(lists.rows));
    writer.add("pieces", std::span<const float>(lists.pieces));
    writer.add("codes", std::span<const uint8_t>(lists.codes));
    if (spec.similarity == Similarity::l2) writer.add("decoded_norm2", std::span<const float>(lists.norms2));
  }
  writer.write(path, vector_part_kind, to_json(part));
  *state_ = {.part = state_->part};
}

}  // namespace coppice
