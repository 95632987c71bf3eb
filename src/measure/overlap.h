#pragma once
// How alike two rankings of the same query are. Rankings are lists of document names, best first, each name once.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace coppice {

using Ranking = std::span<const std::string_view>;

// Documents in both of the first k, divided by documents in either; 1 if both are empty.
double jaccard_at(Ranking a, Ranking b, size_t k);

// Rank-biased overlap, extrapolated from the prefixes seen (Webber, Moffat and Zobel, A similarity measure for indefinite
// rankings, ToIS 28, 2010, equation 32), for lists of any lengths; p in (0, 1) is the chance to look one rank deeper. 1 for
// equal lists.
double rank_biased_overlap(Ranking a, Ranking b, double p = 0.9);

// Kendall's tau of the documents that both rank: pairs in the same order less pairs in opposite order, divided by all;
// nothing if fewer than two are common.
std::optional<double> kendall_tau_of_common(Ranking a, Ranking b);

}  // namespace coppice
