#pragma once
// Tokens as centroid and residual codes, and back.

#include <span>
#include <vector>

#include "index/kmeans.h"
#include "index/late/late_index.h"

namespace coppice {

// Codes cover a multiple of 8 dimensions; those beyond `dim` mean nothing.
constexpr int64_t padded_dim(int64_t dim) {
  return (dim + 7) / 8 * 8;
}
constexpr int64_t residual_bytes(int64_t dim, int64_t bits) {
  return padded_dim(dim) * bits / 8;
}

// Trains centroids on a sample of rows, and buckets on the sample's residuals: cut at quantiles, as ColBERTv2 does,
// and decoded to the mean of what fell in, which has the least squared error.
LateCodebook train_codebook(std::span<const float> tokens, const LateIndexSpec& spec, int64_t dim);

class ResidualEncoder {
 public:
  explicit ResidualEncoder(const LateCodebook& codebook, bool normalize);
  // Encodes rows one behind the other; gives the sum of squared distances between tokens and their decoded forms.
  double encode(std::span<const float> tokens, std::span<uint32_t> centroids,
                std::span<uint8_t> residuals) const;

 private:
  const LateCodebook& codebook_;
  bool normalize_;
  NearestCentroid nearest_;
};

struct ResidualDecoder {
  std::span<const float> centroids;  // (count, padded_dim)
  std::span<const float> weights;    // 16
  int64_t dim, bits, count;
  bool normalize;

  // Decodes tokens into rows of padded_dim floats, of which `dim` count. A centroid that there is not counts as 0.
  void decode(std::span<const uint32_t> codes, const uint8_t* residuals, float* tokens) const;
};

}  // namespace coppice
