#pragma once
// The expert ledger: which experts of each layer are used, dead or hot.

#include <cstdint>
#include <map>
#include <vector>

#include "base/json.h"
#include "lab/route/routing.h"

namespace coppice::lab {

class ExpertLedger {
 public:
  void add(int64_t layer, const Routing& routing);
  void clear() { counts_.clear(); }
  bool empty() const { return counts_.empty(); }

  // (token, choice) pairs per expert.
  const std::map<int64_t, std::vector<int64_t>>& counts() const { return counts_; }
  // The share of each expert; sums to 1.
  std::vector<double> load(int64_t layer) const;
  // Entropy of the load over that of even use: 1 = even, 0 = one expert only.
  double entropy(int64_t layer) const;
  // Experts without a token; experts with more than twice their even share.
  std::vector<int64_t> dead(int64_t layer) const;
  std::vector<int64_t> hot(int64_t layer) const;

  // [{layer, load, entropy, dead, hot}, …]
  Json to_json() const;

 private:
  std::map<int64_t, std::vector<int64_t>> counts_;
};

}  // namespace coppice::lab
