#pragma once
// Assigning items to clusters of fixed size at least total cost, exactly.

#include <cstdint>
#include <span>
#include <vector>

namespace coppice::lab {

// cost: row-major [items, clusters], finite. Every cluster receives exactly items / clusters items (which must divide)
// and the sum of costs is the least possible. Returns the cluster of each item; deterministic.
//
// This is the linear assignment problem in which every column is repeated items/clusters times (as CMoE and balanced
// k-means pose it), solved by successive shortest augmenting paths (Jonker and Volgenant 1987) on the transportation
// network: equal columns are one node with a capacity, and the price of pushing an item from cluster a to b is the
// least cost[i,b] - cost[i,a] over the items i now in a, kept in a heap. Time O(n (c^3 + c^2 log n)) for n items and c
// clusters instead of O(n^3); memory O(n c^2) at worst.
std::vector<int64_t> balanced_assignment(std::span<const double> cost, int64_t items, int64_t clusters);

// Sum of cost[i, label of i].
double assignment_cost(std::span<const double> cost, std::span<const int64_t> labels, int64_t clusters);

}  // namespace coppice::lab
