#include "lab/convert/balanced_assignment.h"

#include <cmath>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "base/error.h"

namespace coppice::lab {
namespace {

class Transportation {
 public:
  Transportation(std::span<const double> cost, int64_t items, int64_t clusters)
      : cost_(cost),
        clusters_(clusters),
        capacity_(items / clusters),
        label_(static_cast<size_t>(items), -1),
        load_(static_cast<size_t>(clusters), 0),
        moves_(static_cast<size_t>(clusters * clusters)) {}

  std::vector<int64_t> solve() {
    for (int64_t item = 0; item < static_cast<int64_t>(label_.size()); ++item) insert(item);
    return std::move(label_);
  }

 private:
  using Move = std::pair<double, int64_t>;  // price, item
  using Heap = std::priority_queue<Move, std::vector<Move>, std::greater<>>;

  double cost(int64_t item, int64_t cluster) const {
    return cost_[static_cast<size_t>(item * clusters_ + cluster)];
  }
  Heap& moves(int64_t from, int64_t to) { return moves_[static_cast<size_t>(from * clusters_ + to)]; }

  // The cheapest item to push from one cluster to another; infinite price if there is none.
  Move cheapest(int64_t from, int64_t to) {
    Heap& heap = moves(from, to);
    while (!heap.empty() && label_[static_cast<size_t>(heap.top().second)] != from) heap.pop();
    return heap.empty() ? Move{std::numeric_limits<double>::infinity(), -1} : heap.top();
  }

  void place(int64_t item, int64_t cluster) {
    label_[static_cast<size_t>(item)] = cluster;
    for (int64_t to = 0; to < clusters_; ++to)
      if (to != cluster) moves(cluster, to).emplace(cost(item, to) - cost(item, cluster), item);
  }

  // Puts one more item in: along the shortest path item -> cluster -> … -> a cluster with room, each edge pushing the
  // cheapest item on. The assignment so far is optimal, so there is no negative cycle and Bellman-Ford applies.
  void insert(int64_t item) {
    const auto n = static_cast<size_t>(clusters_);
    std::vector<double> price(n * n), distance(n);
    for (int64_t a = 0; a < clusters_; ++a) {
      distance[static_cast<size_t>(a)] = cost(item, a);
      for (int64_t b = 0; b < clusters_; ++b)
        price[static_cast<size_t>(a) * n + static_cast<size_t>(b)] = a == b ? 0 : cheapest(a, b).first;
    }
    std::vector<int64_t> before(n, -1);
    // Rounding must not turn a cycle of zero price into an endless one.
    const double slack = 1e-12;
    bool changed = true;
    for (size_t round = 0; changed && round < n; ++round) {
      changed = false;
      for (size_t a = 0; a < n; ++a)
        for (size_t b = 0; b < n; ++b) {
          const double through = distance[a] + price[a * n + b];
          if (a == b || !(through < distance[b] - slack * (1 + std::abs(distance[b])))) continue;
          distance[b] = through;
          before[b] = static_cast<int64_t>(a);
          changed = true;
        }
    }
    int64_t end = -1;
    for (int64_t c = 0; c < clusters_; ++c)
      if (load_[static_cast<size_t>(c)] < capacity_ &&
          (end < 0 || distance[static_cast<size_t>(c)] < distance[static_cast<size_t>(end)]))
        end = c;
    ++load_[static_cast<size_t>(end)];
    int64_t at = end;
    for (size_t step = 0; before[static_cast<size_t>(at)] >= 0; ++step) {
      COPPICE_CHECK(step <= n, "a cycle in the shortest path");
      const int64_t from = before[static_cast<size_t>(at)];
      place(cheapest(from, at).second, at);
      at = from;
    }
    place(item, at);
  }

  std::span<const double> cost_;
  int64_t clusters_, capacity_;
  std::vector<int64_t> label_, load_;
  std::vector<Heap> moves_;
};

}  // namespace

std::vector<int64_t> balanced_assignment(std::span<const double> cost, int64_t items, int64_t clusters) {
  COPPICE_CHECK(clusters > 0 && items % clusters == 0);
  COPPICE_CHECK(static_cast<int64_t>(cost.size()) == items * clusters);
  for (const double value : cost)
    if (!std::isfinite(value))
      throw Error({.where = "balanced assignment",
                   .found = "a cost that is not finite",
                   .advice = "the model's weights or activations overflow"});
  return Transportation(cost, items, clusters).solve();
}

double assignment_cost(std::span<const double> cost, std::span<const int64_t> labels, int64_t clusters) {
  double sum = 0;
  for (size_t i = 0; i < labels.size(); ++i)
    sum += cost[i * static_cast<size_t>(clusters) + static_cast<size_t>(labels[i])];
  return sum;
}

}  // namespace coppice::lab
