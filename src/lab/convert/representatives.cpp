#include "lab/convert/representatives.h"

#include "base/error.h"

namespace coppice::lab {
namespace {

torch::Tensor index_of(const NeuronSet& set) {
  return torch::tensor(set, torch::kInt64);
}

torch::Tensor unit_rows(const torch::Tensor& x) {
  return x / x.norm(2, 1, true).clamp_min(1e-12);
}

}  // namespace

torch::Tensor marker_distances(const torch::Tensor& markers, const torch::Tensor& centroids,
                               MarkerDistance distance) {
  constexpr int64_t chunk = 4096;  // tokens converted to float at a time
  torch::Tensor products = torch::zeros({markers.size(1), centroids.size(1)}, torch::kFloat64);
  for (int64_t t = 0; t < markers.size(0); t += chunk)
    products += markers.slice(0, t, t + chunk)
                    .to(torch::kFloat64)
                    .t()
                    .matmul(centroids.slice(0, t, t + chunk).to(torch::kFloat64));
  // Of zeros and ones the sum is also the squared length.
  const torch::Tensor fired = markers.sum(0, true, torch::kFloat64).t();
  if (distance == MarkerDistance::l1)
    return fired + centroids.to(torch::kFloat64).sum(0, true) - 2 * products;
  const torch::Tensor lengths = fired.sqrt() * centroids.to(torch::kFloat64).norm(2, 0, true);
  return 1 - products / lengths.clamp_min(1e-12);
}

NeuronSet representative_neurons(const torch::Tensor& markers, const std::vector<NeuronSet>& sets,
                                 MarkerDistance distance) {
  NeuronSet chosen;
  for (const auto& set : sets) {
    const torch::Tensor columns = markers.index_select(1, index_of(set));
    const torch::Tensor distances =
        marker_distances(columns, columns.to(torch::kFloat64).mean(1, true), distance)
            .squeeze(1)
            .contiguous();
    const double* d = distances.data_ptr<double>();
    chosen.push_back(set[static_cast<size_t>(std::min_element(d, d + set.size()) - d)]);
  }
  return chosen;
}

NeuronRouter neuron_router(const FfnWeights& ffn, const NeuronSet& representatives) {
  COPPICE_CHECK(ffn.gate.defined());
  const torch::Tensor index = index_of(representatives);
  return {.up = unit_rows(ffn.up.index_select(0, index)), .gate = unit_rows(ffn.gate.index_select(0, index))};
}

torch::Tensor centroid_router(const FfnWeights& ffn, const torch::Tensor& x, const torch::Tensor& h,
                              const std::vector<NeuronSet>& sets, int64_t top_k) {
  const torch::Tensor parts = (h * ffn.down.norm(2, 0).unsqueeze(0)).square();
  std::vector<torch::Tensor> energy;
  for (const auto& set : sets) energy.push_back(parts.index_select(1, index_of(set)).sum(1));
  const torch::Tensor served = torch::stack(energy, 1);  // [tokens, experts]
  const torch::Tensor best = std::get<1>(served.topk(top_k, 1));
  const torch::Tensor chosen = torch::zeros_like(served).scatter_(1, best, 1);
  const torch::Tensor features = unit_rows(x);
  const torch::Tensor sums = chosen.t().matmul(features);
  return sums / chosen.sum(0).clamp_min(1).unsqueeze(1) - features.mean(0, true);
}

}  // namespace coppice::lab
