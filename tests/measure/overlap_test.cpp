#include "measure/overlap.h"

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "base/rng.h"

namespace coppice {
namespace {

using Names = std::vector<std::string_view>;

const std::vector<std::string>& all_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (int i = 0; i < 40; ++i) made.push_back("d" + std::to_string(i));
    return made;
  }();
  return names;
}

Names random_ranking(Rng& rng, size_t most) {
  Names names(all_names().begin(), all_names().begin() + 25);
  rng.shuffle(names);
  names.resize(rng.below(most + 1));
  return names;
}

size_t common(const Names& a, const Names& b, size_t depth_a, size_t depth_b) {
  const std::set<std::string_view> in_a(a.begin(),
                                        a.begin() + static_cast<std::ptrdiff_t>(std::min(depth_a, a.size())));
  size_t count = 0;
  for (size_t i = 0; i < std::min(depth_b, b.size()); ++i) count += in_a.count(b[i]);
  return count;
}

// Equation 32 of Webber, Moffat and Zobel, term by term; S the shorter, L the longer list.
double rbo_by_formula(const Names& a, const Names& b, double p) {
  const Names &s = a.size() < b.size() ? a : b, &l = a.size() < b.size() ? b : a;
  if (s.empty()) return l.empty() ? 1 : 0;
  const auto x = [&](size_t depth) { return static_cast<double>(common(s, l, depth, depth)); };
  const auto ns = static_cast<double>(s.size()), nl = static_cast<double>(l.size());
  double first = 0, second = 0;
  for (size_t d = 1; d <= l.size(); ++d) first += x(d) / static_cast<double>(d) * std::pow(p, d);
  for (size_t d = s.size() + 1; d <= l.size(); ++d)
    second += x(s.size()) * (static_cast<double>(d) - ns) / (ns * static_cast<double>(d)) * std::pow(p, d);
  return (1 - p) / p * (first + second) +
         ((x(l.size()) - x(s.size())) / nl + x(s.size()) / ns) * std::pow(p, nl);
}

TEST(Overlap, RankBiasedOverlapIsTheFormula) {
  Rng rng(1);
  for (int round = 0; round < 500; ++round) {
    const Names a = random_ranking(rng, 25), b = random_ranking(rng, 25);
    const double p = rng.uniform(0.3, 0.98);
    EXPECT_NEAR(rank_biased_overlap(a, b, p), rbo_by_formula(a, b, p), 1e-12);
    EXPECT_NEAR(rank_biased_overlap(a, b, p), rank_biased_overlap(b, a, p), 1e-12);
    EXPECT_NEAR(rank_biased_overlap(a, a, p), 1, 1e-12);
  }
}

TEST(Overlap, JaccardOfSets) {
  Rng rng(2);
  for (int round = 0; round < 500; ++round) {
    const Names a = random_ranking(rng, 25), b = random_ranking(rng, 25);
    const size_t k = 1 + rng.below(30);
    const auto both = static_cast<double>(common(a, b, k, k));
    const double either = static_cast<double>(std::min(k, a.size()) + std::min(k, b.size())) - both;
    EXPECT_DOUBLE_EQ(jaccard_at(a, b, k), either == 0 ? 1 : both / either);
  }
}

TEST(Overlap, KendallCountsPairs) {
  Rng rng(3);
  for (int round = 0; round < 500; ++round) {
    const Names a = random_ranking(rng, 25), b = random_ranking(rng, 25);
    const auto place = [](const Names& names, std::string_view name) {
      const auto at = std::find(names.begin(), names.end(), name);
      return at == names.end() ? -1 : static_cast<int>(at - names.begin());
    };
    int same = 0, opposite = 0;
    for (size_t i = 0; i < a.size(); ++i)
      for (size_t j = i + 1; j < a.size(); ++j) {
        const int x = place(b, a[i]), y = place(b, a[j]);
        if (x >= 0 && y >= 0) ++(x < y ? same : opposite);
      }
    const auto tau = kendall_tau_of_common(a, b);
    ASSERT_EQ(tau.has_value(), same + opposite > 0);
    if (tau) {
      EXPECT_NEAR(*tau, static_cast<double>(same - opposite) / (same + opposite), 1e-12);
    }
  }
}

}  // namespace
}  // namespace coppice
