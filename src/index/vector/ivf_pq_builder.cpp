#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/parallel.h"
#include "base/rng.h"
#include "index/kmeans.h"
#include "index/vector/ivf_pq.h"

namespace coppice {
namespace {

constexpr int64_t pieces_per_place = 256, rows_per_centroid = 64, iterations = 10;

// Rows of a sample without repetition, ascending.
std::vector<size_t> sample_rows(size_t rows, size_t wanted, int64_t seed) {
  std::vector<size_t> chosen(rows);
  std::iota(chosen.begin(), chosen.end(), size_t{0});
  if (wanted >= rows) return chosen;
  Rng rng = Rng(static_cast<uint64_t>(seed)).fork("ivf_pq sample");
  for (size_t i = 0; i < wanted; ++i) std::swap(chosen[i], chosen[i + rng.below(rows - i)]);
  chosen.resize(wanted);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

std::vector<float> gathered(std::span<const float> values, size_t dim, std::span<const size_t> rows) {
  std::vector<float> sample;
  sample.reserve(rows.size() * dim);
  for (const size_t row : rows) {
    const auto from = values.subspan(row * dim, dim);
    sample.insert(sample.end(), from.begin(), from.end());
  }
  return sample;
}

// Piece s of the rests of rows, (rows, width); zeros behind the last dimension.
std::vector<float> piece_of_rests(std::span<const float> values, std::span<const float> centroids,
                                  std::span<const int32_t> nearest, size_t dim, size_t s, size_t width) {
  std::vector<float> rests(nearest.size() * width);
  for (size_t row = 0; row < nearest.size(); ++row)
    for (size_t i = 0; i < width && s * width + i < dim; ++i)
      rests[row * width + i] = values[row * dim + s * width + i] -
                               centroids[static_cast<size_t>(nearest[row]) * dim + s * width + i];
  return rests;
}

int64_t lists_of(const VectorPart& part, int64_t rows) {
  const int64_t lists = part.spec.ivf_pq.lists > 0 ? part.spec.ivf_pq.lists
                                                   : std::llround(4 * std::sqrt(static_cast<double>(rows)));
  return std::clamp<int64_t>(lists, 1, std::max<int64_t>(rows, 1));
}

int64_t subquantizers_of(const VectorPart& part) {
  const int64_t bytes =
      part.spec.ivf_pq.subquantizers > 0 ? part.spec.ivf_pq.subquantizers : (part.dim + 3) / 4;
  return std::clamp<int64_t>(bytes, 1, part.dim);
}

}  // namespace

IvfPq build_ivf_pq(std::span<const float> values, const VectorPart& part) {
  const auto dim = static_cast<size_t>(part.dim);
  const size_t rows = values.size() / dim;
  IvfPq built = {.dim = part.dim,
                 .lists = lists_of(part, static_cast<int64_t>(rows)),
                 .subquantizers = subquantizers_of(part)};
  const auto subquantizers = static_cast<size_t>(built.subquantizers);
  const size_t width = (dim + subquantizers - 1) / subquantizers;
  const auto seed = static_cast<uint64_t>(part.spec.seed);

  const auto chosen = sample_rows(
      rows, static_cast<size_t>(std::max(built.lists, pieces_per_place) * rows_per_centroid), part.spec.seed);
  const auto sample = gathered(values, dim, chosen);
  built.centroids = kmeans(
      sample, part.dim,
      {.clusters = built.lists, .iterations = iterations, .seed = seed, .title = "centroids of lists"});
  std::vector<int32_t> nearest(rows), nearest_of_sample(chosen.size());
  NearestCentroid(built.centroids, part.dim).assign(values, nearest);
  for (size_t i = 0; i < chosen.size(); ++i) nearest_of_sample[i] = nearest[chosen[i]];

  built.begins.assign(static_cast<size_t>(built.lists) + 1, 0);
  for (const int32_t list : nearest) ++built.begins[static_cast<size_t>(list) + 1];
  std::partial_sum(built.begins.begin(), built.begins.end(), built.begins.begin());
  built.rows.resize(rows);
  std::vector<uint64_t> place(rows), next(built.begins.begin(), built.begins.end() - 1);
  for (size_t row = 0; row < rows; ++row) {
    place[row] = next[static_cast<size_t>(nearest[row])]++;
    built.rows[place[row]] = static_cast<uint32_t>(row);
  }

  built.pieces.resize(subquantizers * pieces_per_place * width);
  built.codes.resize(rows * subquantizers);
  std::vector<double> norms2(rows);
  for (size_t s = 0; s < subquantizers; ++s) {
    const auto pieces =
        kmeans(piece_of_rests(sample, built.centroids, nearest_of_sample, dim, s, width),
               static_cast<int64_t>(width),
               {.clusters = pieces_per_place, .iterations = iterations, .seed = seed + s + 1, .title = ""});
    for (size_t j = 0; j < static_cast<size_t>(pieces_per_place); ++j)
      for (size_t i = 0; i < width; ++i)
        built.pieces[(s * width + i) * pieces_per_place + j] = pieces[j * width + i];
    std::vector<int32_t> codes(rows);
    NearestCentroid(pieces, static_cast<int64_t>(width))
        .assign(piece_of_rests(values, built.centroids, nearest, dim, s, width), codes);
    for (size_t row = 0; row < rows; ++row) {
      const auto code = static_cast<size_t>(codes[row]);
      built.codes[place[row] * subquantizers + s] = static_cast<uint8_t>(code);
      for (size_t i = 0; i < width && s * width + i < dim; ++i) {
        const double decoded =
            double{built.centroids[static_cast<size_t>(nearest[row]) * dim + s * width + i]} +
            pieces[code * width + i];
        norms2[place[row]] += decoded * decoded;
      }
    }
  }
  for (size_t list = 0; list < static_cast<size_t>(built.lists); ++list) {
    double norm2 = 0;
    for (size_t d = 0; d < dim; ++d)
      norm2 += double{built.centroids[list * dim + d]} * built.centroids[list * dim + d];
    built.centroid_norms2.push_back(static_cast<float>(norm2));
  }
  if (part.spec.similarity == Similarity::l2) built.norms2.assign(norms2.begin(), norms2.end());
  return built;
}

}  // namespace coppice
