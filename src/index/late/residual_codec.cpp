#include "index/late/residual_codec.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/error.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "kernels/vector_isa.h"

namespace coppice {
namespace {

// Enough rows per centroid for its mean; ColBERTv2 samples about 100 per centroid at its sizes.
constexpr int64_t rows_per_centroid = 48;
constexpr int64_t bucket_sample = 1 << 16, fewest_to_hold_out = 200;

std::vector<float> sample_rows(std::span<const float> tokens, int64_t dim, int64_t wanted, Rng& rng) {
  const int64_t count = static_cast<int64_t>(tokens.size()) / dim;
  if (count <= wanted) return {tokens.begin(), tokens.end()};
  std::vector<float> sample;
  sample.reserve(static_cast<size_t>(wanted * dim));
  // One of every stretch of rows, so that the sample covers the collection.
  for (int64_t i = 0; i < wanted; ++i) {
    const int64_t begin = i * count / wanted, end = (i + 1) * count / wanted;
    const int64_t row = begin + static_cast<int64_t>(rng.below(static_cast<uint64_t>(end - begin)));
    sample.insert(sample.end(), tokens.begin() + row * dim, tokens.begin() + (row + 1) * dim);
  }
  return sample;
}

// Moves one of twenty rows out of the sample; of few rows, copies all.
std::vector<float> hold_out(std::vector<float>& sample, int64_t dim) {
  const int64_t count = static_cast<int64_t>(sample.size()) / dim;
  if (count < fewest_to_hold_out) return sample;
  std::vector<float> held;
  int64_t kept = 0;
  for (int64_t row = 0; row < count; ++row) {
    const auto from = sample.begin() + row * dim;
    if (row % 20 == 19 && static_cast<int64_t>(held.size()) < bucket_sample * dim) {
      held.insert(held.end(), from, from + dim);
    } else {
      std::copy(from, from + dim, sample.begin() + kept * dim);
      ++kept;
    }
  }
  sample.resize(static_cast<size_t>(kept * dim));
  return held;
}

int64_t automatic_centroids(int64_t tokens) {
  const double wanted = 16 * std::sqrt(static_cast<double>(tokens));
  int64_t count = 1;
  while (2 * count <= static_cast<int64_t>(wanted) && 2 * count <= tokens) count *= 2;
  return count;
}

void normalize_row(float* row, int64_t dim) {
  float norm2 = 0;
  for (int64_t d = 0; d < dim; ++d) norm2 += row[d] * row[d];
  if (!(norm2 > 0)) return;
  const float scale = 1 / std::sqrt(norm2);
  for (int64_t d = 0; d < dim; ++d) row[d] *= scale;
}

}  // namespace

LateCodebook train_codebook(std::span<const float> tokens, const LateIndexSpec& spec, int64_t dim) {
  Rng rng = Rng(static_cast<uint64_t>(spec.seed)).fork("late codebook");
  const int64_t count = static_cast<int64_t>(tokens.size()) / dim;
  LateCodebook codebook = {.dim = dim, .bits = spec.bits, .centroids = {}, .cutoffs = {}, .weights = {}};
  const int64_t clusters = spec.centroids > 0 ? spec.centroids : automatic_centroids(count);
  auto sample = sample_rows(tokens, dim, rows_per_centroid * clusters, rng);
  // Buckets, and the error that later segments are compared with, come from rows that the centroids have not seen:
  // with few rows per centroid, those seen lie much nearer.
  auto for_buckets = hold_out(sample, dim);
  codebook.centroids = kmeans(sample, dim,
                              {.clusters = clusters,
                               .iterations = spec.iterations,
                               .seed = static_cast<uint64_t>(spec.seed),
                               .title = "centroids"});

  std::vector<int32_t> nearest(for_buckets.size() / static_cast<size_t>(dim));
  NearestCentroid(codebook.centroids, dim).assign(for_buckets, nearest);
  std::vector<float> residuals(for_buckets.size());
  for (size_t i = 0; i < residuals.size(); ++i)
    residuals[i] =
        for_buckets[i] -
        codebook
            .centroids[static_cast<size_t>(nearest[i / static_cast<size_t>(dim)]) * static_cast<size_t>(dim) +
                       i % static_cast<size_t>(dim)];
  std::sort(residuals.begin(), residuals.end());
  const size_t buckets = size_t{1} << spec.bits;
  size_t begin = 0;
  for (size_t b = 0; b < buckets; ++b) {
    const size_t end = residuals.size() * (b + 1) / buckets;
    if (b + 1 < buckets)
      codebook.cutoffs.push_back(residuals.empty() ? 0 : residuals[std::min(end, residuals.size() - 1)]);
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += residuals[i];
    codebook.weights.push_back(end > begin ? static_cast<float>(sum / static_cast<double>(end - begin)) : 0);
    begin = end;
  }

  std::vector<uint32_t> codes(nearest.size());
  std::vector<uint8_t> bytes(nearest.size() * static_cast<size_t>(residual_bytes(dim, spec.bits)));
  const double error = ResidualEncoder(codebook, spec.normalize).encode(for_buckets, codes, bytes);
  codebook.error = nearest.empty() ? 0 : error / static_cast<double>(nearest.size());
  return codebook;
}

ResidualEncoder::ResidualEncoder(const LateCodebook& codebook, bool normalize)
    : codebook_(codebook), normalize_(normalize), nearest_(codebook.centroids, codebook.dim) {}

double ResidualEncoder::encode(std::span<const float> tokens, std::span<uint32_t> centroids,
                               std::span<uint8_t> residuals) const {
  const int64_t dim = codebook_.dim, bits = codebook_.bits, bytes = residual_bytes(dim, bits);
  const auto count = static_cast<int64_t>(centroids.size());
  COPPICE_CHECK(static_cast<int64_t>(tokens.size()) == count * dim &&
                static_cast<int64_t>(residuals.size()) == count * bytes);
  std::vector<int32_t> nearest(centroids.size());
  nearest_.assign(tokens, nearest);
  std::vector<double> errors(centroids.size());
  parallel_for(count, 256, [&](int64_t begin, int64_t end) {
    std::vector<float> decoded(static_cast<size_t>(dim));
    for (int64_t t = begin; t < end; ++t) {
      const auto at = static_cast<size_t>(t);
      centroids[at] = static_cast<uint32_t>(nearest[at]);
      const float* centroid = codebook_.centroids.data() + int64_t{nearest[at]} * dim;
      const float* token = tokens.data() + t * dim;
      uint8_t* to = residuals.data() + t * bytes;
      std::fill(to, to + bytes, uint8_t{0});
      for (int64_t d = 0; d < dim; ++d) {
        const float residual = token[d] - centroid[d];
        const auto code = std::upper_bound(codebook_.cutoffs.begin(), codebook_.cutoffs.end(), residual) -
                          codebook_.cutoffs.begin();
        to[d * bits / 8] = static_cast<uint8_t>(to[d * bits / 8] | (code << (d * bits % 8)));
        decoded[static_cast<size_t>(d)] = centroid[d] + codebook_.weights[static_cast<size_t>(code)];
      }
      if (normalize_) normalize_row(decoded.data(), dim);
      for (int64_t d = 0; d < dim; ++d) {
        const double difference = double{token[d]} - decoded[static_cast<size_t>(d)];
        errors[at] += difference * difference;
      }
    }
  });
  double sum = 0;
  for (const double error : errors) sum += error;
  return sum;
}

void ResidualDecoder::decode(std::span<const uint32_t> codes, const uint8_t* residuals, float* tokens) const {
  const auto& kernels = kernels::active_vectors();
  const int64_t width = padded_dim(dim), bytes = residual_bytes(dim, bits);
  for (size_t t = 0; t < codes.size(); ++t) {
    float* to = tokens + static_cast<int64_t>(t) * width;
    const int64_t centroid = codes[t] < static_cast<uint64_t>(count) ? codes[t] : 0;
    kernels.decode_residual(centroids.data() + centroid * width, residuals + static_cast<int64_t>(t) * bytes,
                            static_cast<int>(bits), weights.data(), width, to);
    if (normalize) normalize_row(to, dim);
  }
}

}  // namespace coppice
