#pragma once
// k-means with clusters of equal size.

#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "base/rng.h"

namespace coppice::lab {

struct Clustering {
  std::vector<int64_t> labels;  // [points]
  torch::Tensor centroids;      // [clusters, dim]
  double cost = 0;              // sum of squared distances to the centroids that the labels were assigned by
  int64_t iterations = 0;
};

// Lloyd's iteration with the exact balanced assignment (balanced_assignment.h) in place of the nearest centroid, as
// MoEfication (Zhang et al. 2022) and LLaMA-MoE (Zhu et al. 2024) cluster neurons; squared Euclidean distance;
// k-means++ seeds. points: [n, dim] with clusters dividing n. Stops when labels no longer change: the cost never rises.
Clustering balanced_kmeans(const torch::Tensor& points, int64_t clusters, Rng& rng,
                           int64_t max_iterations = 50);

}  // namespace coppice::lab
