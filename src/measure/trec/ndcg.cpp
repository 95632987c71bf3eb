// Discounted cumulative gain (Järvelin and Kekäläinen, ToIS 20, 2002): sum of gain / log2(rank + 1), by itself, of the
// ideal ranking, and of the one relative to the other.

#include "measure/trec/formulas.h"
#include "measure/trec/gains.h"

namespace coppice {
namespace {

struct Dcg {
  double found = 0, ideal = 0;
};

// Gains by rank of documents that have one; the others have none, and add nothing.
template <class Visit>
void for_each_gain(const JudgedRanking& ranking, const Gains& gains, Visit visit) {
  if (gains.outside_counts() || gains.of(unjudged_in_pool) != 0) {
    for (int64_t rank = 0; rank < ranking.retrieved(); ++rank)
      visit(rank, gains.of(ranking.grades[static_cast<size_t>(rank)]));
  } else {
    for (const int32_t rank : ranking.pool_ranks)
      visit(rank, gains.of(ranking.grades[static_cast<size_t>(rank)]));
  }
}

Dcg dcg_of(const JudgedRanking& ranking, const std::vector<NamedNumber>& pairs) {
  const Gains gains(ranking, pairs);
  Dcg dcg;
  for_each_gain(ranking, gains, [&dcg](int64_t rank, double gain) {
    if (gain != 0) dcg.found += gain / discount(rank);
  });
  IdealRanking ideal(gains);
  for (int64_t rank = 0; ideal.gain() > 0; ++rank) {
    ideal.advance();
    if (ideal.gain() > 0) dcg.ideal += ideal.gain() / discount(rank);
  }
  return dcg;
}

Measure dcg_measure(const std::string& name, const MeasureParameters& parameters,
                    double (*value)(const Dcg&)) {
  return single(name + parameters.suffix, [pairs = parameters.pairs, value](const JudgedRanking& ranking) {
    return value(dcg_of(ranking, pairs));
  });
}

// The mean of nDCG over relevant documents, each seen at its rank, or at the list's end if it was not retrieved.
double ndcg_over_relevant(const JudgedRanking& ranking, const std::vector<NamedNumber>& pairs) {
  const Gains gains(ranking, pairs);
  IdealRanking ideal(gains);
  double found = 0, best = 0, sum = 0;
  int64_t relevant = 0, seen = 0, rank = 0;
  for (; rank < ranking.retrieved(); ++rank) {
    const double gain = gains.of(ranking.grades[static_cast<size_t>(rank)]);
    if (gain != 0) found += gain / discount(rank);
    if (ideal.gain() > 0) {
      ideal.advance();
      if (ideal.gain() > 0) {
        ++relevant;
        best += ideal.gain() / discount(rank);
      }
    }
    if (gain > 0) {
      sum += found / best;
      ++seen;
    }
  }
  for (; ideal.gain() > 0; ++rank) {
    ideal.advance();
    if (ideal.gain() > 0) {
      ++relevant;
      best += ideal.gain() / discount(rank);
    }
  }
  sum += static_cast<double>(relevant - seen) * found / best;
  return sum > 0 ? sum / static_cast<double>(relevant) : 0;
}

// The mean of nDCG over the ranks at which the gain of the ideal ranking falls.
double ndcg_over_levels(const JudgedRanking& ranking, const std::vector<NamedNumber>& pairs) {
  const Gains gains(ranking, pairs);
  if (ranking.relevant == 0) return 0;
  IdealRanking ideal(gains);
  double found = 0, best = 0, sum = 0, before = ideal.gain();
  int64_t levels = 0, rank = 0;
  const auto end_level = [&] {
    if (best > 0) {
      sum += found / best;
      ++levels;
    }
  };
  const auto advance = [&] {
    ideal.advance();
    if (before == ideal.gain()) return;
    end_level();
    before = ideal.gain();
  };
  for (; rank < ranking.retrieved() && ideal.gain() > 0; ++rank) {
    advance();
    if (const double gain = gains.of(ranking.grades[static_cast<size_t>(rank)]); gain != 0)
      found += gain / discount(rank);
    if (ideal.gain() > 0) best += ideal.gain() / discount(rank);
  }
  if (rank < ranking.retrieved()) {
    for (; rank < ranking.retrieved(); ++rank)
      if (const double gain = gains.of(ranking.grades[static_cast<size_t>(rank)]); gain != 0)
        found += gain / discount(rank);
    end_level();
  }
  for (; ideal.gain() > 0; ++rank) {
    advance();
    if (ideal.gain() > 0) best += ideal.gain() / discount(rank);
  }
  return sum / static_cast<double>(levels);
}

// nDCG of the first documents at every cutoff; gains are the grades.
void ndcg_at_cutoffs(const JudgedRanking& ranking, const std::vector<int64_t>& cutoffs,
                     std::span<double> values) {
  size_t next = 0;
  double sum = 0;
  for (const int32_t rank : ranking.pool_ranks) {
    while (next < cutoffs.size() && rank >= cutoffs[next]) values[next++] = sum;
    if (const int32_t grade = ranking.grades[static_cast<size_t>(rank)]; grade > 0)
      sum += static_cast<double>(grade) / discount(rank);
  }
  while (next < cutoffs.size()) values[next++] = sum;

  next = 0;
  double ideal = 0;
  const auto divide = [&] {
    if (ideal > 0) values[next] /= ideal;
    ++next;
  };
  int64_t rank = 0;
  for (size_t grade = ranking.documents_at.size(); grade-- > 1;)
    for (int64_t i = 0; i < ranking.documents_at[grade] && next < cutoffs.size(); ++i, ++rank) {
      if (rank == cutoffs[next]) divide();
      ideal += static_cast<double>(grade) / discount(rank);
    }
  while (next < cutoffs.size()) divide();
}

}  // namespace

FamilyEntry family_ndcg() {
  return {"ndcg",
          {.help = "normalised discounted cumulative gain",
           .kind = ParameterKind::pairs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return dcg_measure(name, parameters,
                                [](const Dcg& dcg) { return dcg.ideal > 0 ? dcg.found / dcg.ideal : 0; });
           }}};
}

FamilyEntry family_dcg() {
  return {"dcg",
          {.help = "discounted cumulative gain",
           .kind = ParameterKind::pairs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return dcg_measure(name, parameters, [](const Dcg& dcg) { return dcg.found; });
           }}};
}

FamilyEntry family_ideal_dcg() {
  return {"ideal_dcg",
          {.help = "discounted cumulative gain of the ideal ranking",
           .kind = ParameterKind::pairs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return dcg_measure(name, parameters, [](const Dcg& dcg) { return dcg.ideal; });
           }}};
}

FamilyEntry family_ndcg_rel() {
  return {"ndcg_rel",
          {.help = "nDCG averaged over relevant documents",
           .kind = ParameterKind::pairs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return single(name + parameters.suffix,
                           [pairs = parameters.pairs](const JudgedRanking& ranking) {
                             return ndcg_over_relevant(ranking, pairs);
                           });
           }}};
}

FamilyEntry family_rndcg() {
  return {"Rndcg",
          {.help = "nDCG averaged over the ranks at which the ideal gain falls",
           .kind = ParameterKind::pairs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return single(name + parameters.suffix,
                           [pairs = parameters.pairs](const JudgedRanking& ranking) {
                             return ndcg_over_levels(ranking, pairs);
                           });
           }}};
}

FamilyEntry family_ndcg_cut() {
  return {"ndcg_cut",
          {.help = "nDCG of the first documents",
           .kind = ParameterKind::cutoffs,
           .defaults = usual_cutoffs,
           .make = [](const std::string& name, const MeasureParameters& parameters) -> Measure {
             return {.names = names_with_cutoffs(name, parameters.cutoffs),
                     .calculate = [cutoffs = parameters.cutoffs](const QueryView& query,
                                                                 std::span<double> values) {
                       ndcg_at_cutoffs(*query.ranking, cutoffs, values);
                     }};
           }}};
}

}  // namespace coppice
