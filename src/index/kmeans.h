#pragma once
// k-means by Lloyd's iterations, for the centroids of late interaction and of inverted lists and for product quantizers.
// Results depend on the data and the seed, not on the number of threads.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coppice {

// Columns side by side as vector_kernels.h wants them; `count` columns of `dim`, from rows of `stride` floats.
std::vector<float> pack_panels(std::span<const float> rows, int64_t stride, int64_t count, int64_t dim);

// Finds the nearest of a set of centroids, by Euclidean distance; the first of equals.
class NearestCentroid {
 public:
  NearestCentroid(std::span<const float> centroids, int64_t dim);
  // For rows of `dim` floats one behind the other. In parallel.
  void assign(std::span<const float> rows, std::span<int32_t> nearest) const;

 private:
  int64_t dim_;
  std::vector<float> panels_, bias_;
};

struct KMeansSpec {
  int64_t clusters = 1, iterations = 10;
  uint64_t seed = 1;
  std::string title;  // of the progress; empty: none is shown
};

// Centroids, (clusters, dim). Starts from random rows; a cluster that lost all its rows takes half of the largest.
// With no more rows than clusters, the centroids are the rows, and zeros behind them.
std::vector<float> kmeans(std::span<const float> rows, int64_t dim, const KMeansSpec& spec);

}  // namespace coppice
