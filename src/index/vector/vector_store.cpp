#include "index/vector/vector_store.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "format/float16.h"
#include "kernels/vector_isa.h"

namespace coppice {
namespace {

// Bounds of lengths are computed in double and raised a little, to hold for what floats make of them.
float upper_bound_of(double value) {
  return static_cast<float>(value * (1 + 1e-6) + 1e-37);
}

}  // namespace

Int8Row quantize_int8(std::span<const float> values, std::span<int8_t> bytes) {
  float highest = 0;
  for (const float value : values) highest = std::max(highest, std::abs(value));
  std::fill(bytes.begin(), bytes.end(), int8_t{0});
  const float scale = highest / 127;
  double norm2 = 0, bytes_norm2 = 0, error2 = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const float steps = scale > 0 ? std::clamp(std::nearbyint(values[i] / scale), -127.0f, 127.0f) : 0;
    bytes[i] = static_cast<int8_t>(steps);
    const double decoded = double{scale} * static_cast<double>(steps), value = values[i];
    norm2 += value * value;
    bytes_norm2 += decoded * decoded;
    error2 += (value - decoded) * (value - decoded);
  }
  return {.scale = scale,
          .norm = upper_bound_of(std::sqrt(std::max(norm2, bytes_norm2))),
          .error = upper_bound_of(std::sqrt(error2))};
}

namespace {

VectorRows rows_of_file(const VectorPart& part, const SectionFile& file) {
  const auto count = static_cast<uint64_t>(part.vectors);
  const auto columns = [](int64_t stride) { return static_cast<uint64_t>(stride); };
  VectorRows rows = {.docs = file.array<DocOrdinal>("docs", count)};
  for (size_t i = 0; i < rows.docs.size(); ++i)
    if (rows.docs[i] >= part.documents || (i > 0 && rows.docs[i] < rows.docs[i - 1]))
      throw Error({.where = file.where(),
                   .found = fmt::format("document {} of vector {}", rows.docs[i], i),
                   .expected = fmt::format("ascending documents below {}", part.documents)});
  const auto& spec = part.spec;
  const bool bytes = spec.stored == VectorType::int8;
  if (spec.stored == VectorType::f32 || (bytes && spec.rerank == RerankType::f32))
    rows.f32 = file.array<float>("f32", count, columns(f32_stride(part.dim)));
  if (spec.stored == VectorType::bf16 || (bytes && spec.rerank == RerankType::bf16))
    rows.bf16 = file.array<uint16_t>("bf16", count, columns(bf16_stride(part.dim)));
  if (bytes) {
    rows.codes = file.array<int8_t>("int8", count, columns(int8_stride(part.dim)));
    rows.scale = file.array<float>("scale", count);
    rows.norm = file.array<float>("norm", count);
    rows.error = file.array<float>("error", count);
  }
  if (spec.similarity == Similarity::l2) rows.norms2 = file.array<float>("norm2", count);
  return rows;
}

}  // namespace

VectorStore::VectorStore(const VectorPart& part, const SectionFile& file)
    : VectorStore(part, rows_of_file(part, file)) {}

VectorStore::VectorStore(const VectorPart& part, const VectorRows& rows)
    : part_(part),
      docs_(rows.docs),
      f32_(rows.f32),
      bf16_(rows.bf16),
      codes_(rows.codes),
      scale_(rows.scale),
      norm_(rows.norm),
      error_(rows.error),
      norms2_(rows.norms2) {
  for (size_t i = 1; i < docs_.size(); ++i) one_each_ = one_each_ && docs_[i] != docs_[i - 1];
  if (!codes_.empty()) {
    quick_rows_ = reinterpret_cast<const char*>(codes_.data());
    quick_bytes_ = static_cast<size_t>(int8_stride(part.dim));
  } else if (!f32_.empty()) {
    quick_rows_ = reinterpret_cast<const char*>(f32_.data());
    quick_bytes_ = static_cast<size_t>(f32_stride(part.dim)) * sizeof(float);
  } else {
    quick_rows_ = reinterpret_cast<const char*>(bf16_.data());
    quick_bytes_ = static_cast<size_t>(bf16_stride(part.dim)) * sizeof(uint16_t);
  }
}

std::pair<uint32_t, uint32_t> VectorStore::rows_of(DocOrdinal doc) const {
  const auto [first, last] = std::equal_range(docs_.begin(), docs_.end(), doc);
  return {static_cast<uint32_t>(first - docs_.begin()), static_cast<uint32_t>(last - docs_.begin())};
}

PreparedQuery VectorStore::prepare(std::span<const float> query) const {
  if (static_cast<int64_t>(query.size()) != part_.dim)
    throw Error({.where = "query vector",
                 .found = fmt::format("{} dimensions", query.size()),
                 .expected = fmt::format("{}, as the index has", part_.dim)});
  for (size_t i = 0; i < query.size(); ++i)
    if (!std::isfinite(query[i]))
      throw Error({.where = fmt::format("query vector, dimension {}", i),
                   .found = fmt::format("{}", query[i]),
                   .expected = "a finite number"});
  PreparedQuery prepared;
  prepared.values.assign(query.begin(), query.end());
  if (part_.spec.similarity == Similarity::cosine) normalize_vector(prepared.values);
  double norm2 = 0;
  for (const float value : prepared.values) norm2 += double{value} * value;
  prepared.norm2 = static_cast<float>(norm2);
  if (has_codes() || part_.spec.stored == VectorType::int8) {
    prepared.bytes.resize(static_cast<size_t>(int8_stride(part_.dim)));
    prepared.row = quantize_int8(prepared.values, prepared.bytes);
  } else {
    prepared.row.norm = upper_bound_of(std::sqrt(norm2));
  }
  return prepared;
}

void VectorStore::prepare_row(uint32_t row, PreparedQuery& query) const {
  if (part_.spec.similarity == Similarity::l2) query.norm2 = norms2_[row];
  if (has_codes()) {
    const auto width = static_cast<size_t>(int8_stride(part_.dim));
    query.bytes.resize(width);
    std::copy_n(codes_.data() + row * width, width, query.bytes.begin());
    query.row = {.scale = scale_[row], .norm = norm_[row], .error = error_[row]};
    return;
  }
  const auto width = static_cast<size_t>(part_.dim);
  query.values.resize(width);
  if (!f32_.empty())
    std::copy_n(f32_.data() + row * static_cast<size_t>(f32_stride(part_.dim)), width, query.values.begin());
  else
    std::transform(bf16_.data() + row * static_cast<size_t>(bf16_stride(part_.dim)),
                   bf16_.data() + row * static_cast<size_t>(bf16_stride(part_.dim)) + width,
                   query.values.begin(), bf16_to_float);
}

void VectorStore::scores(const PreparedQuery& query, const uint32_t* ids, uint32_t first, int64_t count,
                         float* scores) const {
  if (f32_.empty() && bf16_.empty()) return byte_scores(query, ids, first, count, scores, nullptr);
  const auto& kernels = kernels::active_vectors();
  const bool distance = part_.spec.similarity == Similarity::l2;
  const int64_t stride = !f32_.empty() ? f32_stride(part_.dim) : bf16_stride(part_.dim);
  const int64_t offset = ids == nullptr ? static_cast<int64_t>(first) * stride : 0;
  const kernels::RowsArguments rows = {
      .queries = query.values.data(),
      .query_stride = part_.dim,
      .query_count = 1,
      .rows = !f32_.empty() ? static_cast<const void*>(f32_.data() + offset) : bf16_.data() + offset,
      .row_stride = stride,
      .row_ids = ids,
      .row_count = count,
      .dim = part_.dim,
      .scores = scores,
      .score_stride = count};
  if (!f32_.empty())
    distance ? kernels.squared_distance_f32(rows) : kernels.dot_f32(rows);
  else
    distance ? kernels.squared_distance_bf16(rows) : kernels.dot_bf16(rows);
  if (distance)
    for (int64_t i = 0; i < count; ++i) scores[i] = -scores[i];
}

void VectorStore::byte_scores(const PreparedQuery& query, const uint32_t* ids, uint32_t first, int64_t count,
                              float* scores, float* slack) const {
  const auto& kernels = kernels::active_vectors();
  constexpr int64_t block = 256;
  const float of_query[3] = {query.row.scale, query.row.norm, query.row.error};
  const bool distance = part_.spec.similarity == Similarity::l2;
  const int64_t stride = int8_stride(part_.dim);
  // Products of floats are wrong by at most this for vectors of length 1; twice that for both ways to compute.
  const float rounding = static_cast<float>(part_.dim + 16) * 0x1p-22f;
  for (int64_t begin = 0; begin < count; begin += block) {
    const int64_t n = std::min(block, count - begin);
    int32_t dots[block];
    float scale[block], norm[block], error[block];
    const auto row_at = [&](int64_t i) -> size_t {
      return ids == nullptr ? size_t{first} + static_cast<size_t>(begin + i) : ids[begin + i];
    };
    kernels.dot_int8(
        {.queries = query.bytes.data(),
         .query_stride = stride,
         .query_count = 1,
         .rows = ids == nullptr ? codes_.data() + static_cast<int64_t>(row_at(0)) * stride : codes_.data(),
         .row_stride = stride,
         .row_ids = ids == nullptr ? nullptr : ids + begin,
         .row_count = n,
         .dim = stride,
         .scores = dots,
         .score_stride = n});
    if (ids == nullptr && slack != nullptr) {
      const size_t at = row_at(0);
      kernels.scale_int8(dots, scale_.data() + at, error_.data() + at, norm_.data() + at, n, of_query,
                         scores + begin, slack + begin);
    } else if (slack == nullptr) {
      for (int64_t i = 0; i < n; ++i)
        scores[begin + i] = static_cast<float>(dots[i]) * (scale_[row_at(i)] * query.row.scale);
    } else {
      for (int64_t i = 0; i < n; ++i) {
        scale[i] = scale_[row_at(i)];
        norm[i] = norm_[row_at(i)];
        error[i] = error_[row_at(i)];
      }
      kernels.scale_int8(dots, scale, error, norm, n, of_query, scores + begin, slack + begin);
    }
    if (distance)
      for (int64_t i = 0; i < n; ++i)
        scores[begin + i] = 2 * scores[begin + i] - query.norm2 - norms2_[row_at(i)];
    if (slack == nullptr) continue;
    if (distance) {
      for (int64_t i = 0; i < n; ++i)
        slack[begin + i] = 2 * slack[begin + i] + rounding * 2 * (query.norm2 + norms2_[row_at(i)]);
    } else {
      for (int64_t i = 0; i < n; ++i) slack[begin + i] += rounding * query.row.norm * norm_[row_at(i)];
    }
  }
}

std::vector<float> VectorStore::vector(uint32_t row) const {
  std::vector<float> values(static_cast<size_t>(part_.dim));
  const auto n = values.size();
  if (!f32_.empty()) {
    const auto* from = f32_.data() + size_t{row} * static_cast<size_t>(f32_stride(part_.dim));
    std::copy(from, from + n, values.begin());
  } else if (!bf16_.empty()) {
    const auto* from = bf16_.data() + size_t{row} * static_cast<size_t>(bf16_stride(part_.dim));
    std::transform(from, from + n, values.begin(), bf16_to_float);
  } else {
    const auto* from = codes_.data() + size_t{row} * static_cast<size_t>(int8_stride(part_.dim));
    for (size_t i = 0; i < n; ++i) values[i] = scale_[row] * static_cast<float>(from[i]);
  }
  return values;
}

void normalize_vector(std::span<float> values) {
  double highest = 0;
  for (const float value : values) highest = std::max(highest, std::abs(double{value}));
  if (highest == 0) return;
  double norm2 = 0;
  for (const float value : values) norm2 += double{value} * value;
  const double scale = 1 / std::sqrt(norm2);
  for (float& value : values) value = static_cast<float>(value * scale);
}

}  // namespace coppice
