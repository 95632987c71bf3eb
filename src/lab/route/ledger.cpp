#include "lab/route/ledger.h"

#include <cmath>
#include <numeric>

namespace coppice::lab {

void ExpertLedger::add(int64_t layer, const Routing& routing) {
  auto& counts = counts_[layer];
  counts.resize(static_cast<size_t>(routing.expert_count), 0);
  const torch::Tensor chosen = routing.experts.contiguous();
  for (int64_t i = 0; i < chosen.numel(); ++i) ++counts[static_cast<size_t>(chosen.data_ptr<int64_t>()[i])];
}

std::vector<double> ExpertLedger::load(int64_t layer) const {
  const auto& counts = counts_.at(layer);
  const auto total =
      static_cast<double>(std::max<int64_t>(1, std::accumulate(counts.begin(), counts.end(), int64_t{0})));
  std::vector<double> shares;
  for (const int64_t count : counts) shares.push_back(static_cast<double>(count) / total);
  return shares;
}

double ExpertLedger::entropy(int64_t layer) const {
  const std::vector<double> shares = load(layer);
  if (shares.size() < 2) return 1;
  double entropy = 0;
  for (const double share : shares)
    if (share > 0) entropy -= share * std::log(share);
  return entropy / std::log(static_cast<double>(shares.size()));
}

std::vector<int64_t> ExpertLedger::dead(int64_t layer) const {
  std::vector<int64_t> result;
  const auto& counts = counts_.at(layer);
  for (size_t e = 0; e < counts.size(); ++e)
    if (counts[e] == 0) result.push_back(static_cast<int64_t>(e));
  return result;
}

std::vector<int64_t> ExpertLedger::hot(int64_t layer) const {
  constexpr double times_even_share = 2;
  std::vector<int64_t> result;
  const std::vector<double> shares = load(layer);
  for (size_t e = 0; e < shares.size(); ++e)
    if (shares[e] * static_cast<double>(shares.size()) > times_even_share)
      result.push_back(static_cast<int64_t>(e));
  return result;
}

Json ExpertLedger::to_json() const {
  Json layers = Json::array();
  for (const auto& [layer, counts] : counts_)
    layers.push_back({{"layer", layer},
                      {"load", load(layer)},
                      {"entropy", entropy(layer)},
                      {"dead", dead(layer)},
                      {"hot", hot(layer)}});
  return layers;
}

}  // namespace coppice::lab
