#include <numeric>

#include "base/error.h"
#include "lab/convert/balanced_assignment.h"
#include "lab/convert/cmoe.h"
#include "lab/convert/representatives.h"

namespace coppice::lab {
namespace {

torch::Tensor index_of(const NeuronSet& set) {
  return torch::tensor(set, torch::kInt64);
}

NeuronSet choose_shared(const torch::Tensor& rates, int64_t count, CarveShare share, Rng& rng) {
  if (count == 0) return {};
  if (share == CarveShare::rate) return top_neurons(rates, count);
  NeuronSet order(static_cast<size_t>(rates.numel()));
  std::iota(order.begin(), order.end(), 0);
  rng.shuffle(order);
  order.resize(static_cast<size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

// Balanced clusters of marker columns, from centroids at the columns of highest rate.
std::vector<NeuronSet> cluster(const torch::Tensor& markers, const NeuronSet& neurons, int64_t clusters,
                               const CarveShape& shape) {
  const torch::Tensor columns = markers.index_select(1, index_of(neurons));
  const torch::Tensor rates = columns.to(torch::kFloat64).mean(0);
  torch::Tensor centroids =
      columns.index_select(1, index_of(top_neurons(rates, clusters))).to(torch::kFloat64);
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < shape.iterations; ++i) {
    const torch::Tensor cost = marker_distances(columns, centroids, shape.distance).contiguous();
    auto assigned = balanced_assignment({cost.data_ptr<double>(), static_cast<size_t>(cost.numel())},
                                        cost.size(0), clusters);
    if (assigned == labels) break;
    labels = std::move(assigned);
    std::vector<torch::Tensor> means;
    const torch::Tensor label = torch::tensor(labels, torch::kInt64);
    for (int64_t c = 0; c < clusters; ++c)
      means.push_back(columns.index_select(1, label.eq(c).nonzero().squeeze(1)).to(torch::kFloat64).mean(1));
    centroids = torch::stack(means, 1);
  }
  return sets_of_labels(neurons, labels, clusters);
}

}  // namespace

Carving carve(const torch::Tensor& markers, const CarveShape& shape, Rng& rng) {
  const int64_t neurons = markers.size(1), width = neurons / shape.experts,
                clusters = shape.experts - shape.shared;
  COPPICE_CHECK(neurons % shape.experts == 0 && clusters > 0);
  Carving result;
  result.shared = choose_shared(markers.to(torch::kFloat64).mean(0), shape.shared * width, shape.share, rng);
  const NeuronSet rest = complement(result.shared, neurons);
  result.routed = shape.partition == CarvePartition::cluster ? cluster(markers, rest, clusters, shape)
                                                             : random_partition(rest, clusters, rng);
  result.representatives = representative_neurons(markers, result.routed, shape.distance);
  return result;
}

}  // namespace coppice::lab
