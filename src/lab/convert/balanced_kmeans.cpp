#include "lab/convert/balanced_kmeans.h"

#include "lab/convert/balanced_assignment.h"

namespace coppice::lab {
namespace {

torch::Tensor squared_distances(const torch::Tensor& points, const torch::Tensor& centroids) {
  const torch::Tensor cross = points.matmul(centroids.t());
  return (points.square().sum(1, true) - 2 * cross + centroids.square().sum(1).unsqueeze(0)).clamp_min(0);
}

// Seeds by k-means++ (Arthur and Vassilvitskii 2007): each further one with chance proportional to its distance.
torch::Tensor spread_seeds(const torch::Tensor& points, int64_t clusters, Rng& rng) {
  const int64_t n = points.size(0);
  std::vector<int64_t> chosen = {static_cast<int64_t>(rng.below(static_cast<uint64_t>(n)))};
  torch::Tensor nearest =
      squared_distances(points, points.slice(0, chosen[0], chosen[0] + 1)).squeeze(1).contiguous();
  while (static_cast<int64_t>(chosen.size()) < clusters) {
    const double* distance = nearest.data_ptr<double>();
    double target = rng.uniform() * nearest.sum().item<double>();
    int64_t pick = n - 1;
    for (int64_t i = 0; i < n; ++i)
      if ((target -= distance[i]) < 0) {
        pick = i;
        break;
      }
    chosen.push_back(pick);
    nearest = torch::minimum(nearest, squared_distances(points, points.slice(0, pick, pick + 1)).squeeze(1))
                  .contiguous();
  }
  return points.index_select(0, torch::tensor(chosen, torch::kInt64));
}

torch::Tensor means(const torch::Tensor& points, const std::vector<int64_t>& labels, int64_t clusters) {
  const torch::Tensor index = torch::tensor(labels, torch::kInt64);
  torch::Tensor sums = torch::zeros({clusters, points.size(1)}, points.options());
  sums.index_add_(0, index, points);
  return sums / static_cast<double>(points.size(0) / clusters);
}

}  // namespace

Clustering balanced_kmeans(const torch::Tensor& given, int64_t clusters, Rng& rng, int64_t max_iterations) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor points = given.to(torch::kFloat64).contiguous();
  Clustering result{.centroids = spread_seeds(points, clusters, rng)};
  for (; result.iterations < max_iterations; ++result.iterations) {
    const torch::Tensor cost = squared_distances(points, result.centroids).contiguous();
    const std::span<const double> view(cost.data_ptr<double>(), static_cast<size_t>(cost.numel()));
    auto labels = balanced_assignment(view, points.size(0), clusters);
    const double sum = assignment_cost(view, labels, clusters);
    if (labels == result.labels || (result.iterations > 0 && sum >= result.cost)) break;
    result.labels = std::move(labels);
    result.cost = sum;
    result.centroids = means(points, result.labels, clusters);
  }
  return result;
}

}  // namespace coppice::lab
