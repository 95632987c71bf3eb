// Precision, recall and success of the first documents. Where a list is shorter than a cutoff, documents that are not
// relevant fill it up.

#include "measure/trec/formulas.h"

namespace coppice {
namespace {

// Documents that R-precision at a multiple of the number of relevant documents looks at.
int64_t multiple_of_relevant(double multiple, const JudgedRanking& ranking) {
  return static_cast<int64_t>(multiple * static_cast<double>(ranking.relevant) + 0.9);
}

void add_multiples(const JudgedRanking& ranking, const std::vector<double>& multiples,
                   std::span<double> values) {
  for (size_t i = 0; i < multiples.size(); ++i) {
    const int64_t count = multiple_of_relevant(multiples[i], ranking);
    if (count > 0) values[i] += ratio(ranking.relevant_among(count), count);
  }
}

const std::string usual_multiples = "0.2,0.4,0.6,0.8,1.0,1.2,1.4,1.6,1.8,2.0";

}  // namespace

FamilyEntry family_p() {
  return {"P",
          {.help = "precision of the first documents",
           .kind = ParameterKind::cutoffs,
           .defaults = usual_cutoffs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return at_cutoffs(name, parameters, [](const JudgedRanking& ranking, int64_t cutoff) {
               return ratio(ranking.relevant_among(cutoff), cutoff);
             });
           }}};
}

FamilyEntry family_p_avgjg() {
  return {"P_avgjg",
          {.help = "precision of the first documents, averaged over judgement groups",
           .kind = ParameterKind::cutoffs,
           .defaults = usual_cutoffs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return over_groups(
                 names_with_cutoffs(name, parameters.cutoffs),
                 [cutoffs = parameters.cutoffs](const JudgedRanking& group, std::span<double> values) {
                   for (size_t i = 0; i < cutoffs.size(); ++i)
                     values[i] += ratio(group.relevant_among(cutoffs[i]), cutoffs[i]);
                 });
           }}};
}

FamilyEntry family_relative_p() {
  return {"relative_P",
          {.help = "precision of the first documents relative to the highest possible",
           .kind = ParameterKind::cutoffs,
           .defaults = usual_cutoffs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return at_cutoffs(name, parameters, [](const JudgedRanking& ranking, int64_t cutoff) {
               if (ranking.relevant == 0) return 0.0;
               return ratio(ranking.relevant_among(cutoff), std::min(cutoff, ranking.relevant));
             });
           }}};
}

FamilyEntry family_recall() {
  return {"recall",
          {.help = "share of the relevant documents that is among the first",
           .kind = ParameterKind::cutoffs,
           .defaults = usual_cutoffs,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return at_cutoffs(name, parameters, [](const JudgedRanking& ranking, int64_t cutoff) {
               return ranking.relevant == 0 ? 0.0 : ratio(ranking.relevant_among(cutoff), ranking.relevant);
             });
           }}};
}

FamilyEntry family_success() {
  return {"success",
          {.help = "whether a relevant document is among the first",
           .kind = ParameterKind::cutoffs,
           .defaults = "1,5,10",
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return at_cutoffs(name, parameters, [](const JudgedRanking& ranking, int64_t cutoff) {
               return ranking.relevant_among(cutoff) > 0 ? 1.0 : 0.0;
             });
           }}};
}

FamilyEntry family_unj() {
  return {"unj",
          {.help = "share of the first documents that was not judged",
           .kind = ParameterKind::cutoffs,
           .defaults = "5,10,20",
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             Measure measure = at_cutoffs(name, parameters, [](const JudgedRanking& ranking, int64_t cutoff) {
               const auto end = ranking.grades.begin() + std::min(cutoff, ranking.retrieved());
               return ratio(
                   std::count_if(ranking.grades.begin(), end, [](int32_t grade) { return grade < 0; }),
                   cutoff);
             });
             measure.zero_when_absent = true;
             return measure;
           }}};
}

FamilyEntry family_rprec() {
  return {"Rprec",
          {.help = "precision of as many documents as there are relevant ones",
           .make = [](const std::string& name, const MeasureParameters&) {
             return single(name, [](const JudgedRanking& ranking) {
               if (ranking.relevant == 0) return 0.0;
               return ratio(ranking.relevant_among(ranking.relevant), ranking.relevant);
             });
           }}};
}

FamilyEntry family_rprec_mult() {
  return {"Rprec_mult",
          {.help = "precision of a multiple of as many documents as there are relevant ones",
           .kind = ParameterKind::fractions,
           .defaults = usual_multiples,
           .make = [](const std::string& name, const MeasureParameters& parameters) -> Measure {
             return {.names = names_with_fractions(name, parameters.numbers),
                     .calculate = [multiples = parameters.numbers](const QueryView& query,
                                                                   std::span<double> values) {
                       add_multiples(*query.ranking, multiples, values);
                     }};
           }}};
}

FamilyEntry family_rprec_mult_avgjg() {
  return {"Rprec_mult_avgjg",
          {.help = "Rprec_mult, averaged over judgement groups",
           .kind = ParameterKind::fractions,
           .defaults = usual_multiples,
           .make = [](const std::string& name, const MeasureParameters& parameters) {
             return over_groups(
                 names_with_fractions(name, parameters.numbers),
                 [multiples = parameters.numbers](const JudgedRanking& group, std::span<double> values) {
                   add_multiples(group, multiples, values);
                 });
           }}};
}

FamilyEntry family_recip_rank() {
  return {"recip_rank",
          {.help = "1 / rank of the first relevant document",
           .make = [](const std::string& name, const MeasureParameters&) {
             return single(name, [](const JudgedRanking& ranking) {
               if (ranking.relevant_ranks.empty()) return 0.0;
               return 1.0 / static_cast<double>(ranking.relevant_ranks.front() + 1);
             });
           }}};
}

}  // namespace coppice
