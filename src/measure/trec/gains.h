#pragma once
// Gains of grades, and the ideal ranking by them.

#include <vector>

#include "measure/trec/measure.h"

namespace coppice {

struct GradeGain {
  int64_t grade;
  int64_t documents;  // judged with this grade
  double gain;
};

// The gain of a grade is the grade itself, unless `pairs` say another. Ascending by gain, compared as trec_eval compares
// (gains less than 1 apart are equal to it).
class Gains {
 public:
  Gains(const JudgedRanking& ranking, const std::vector<NamedNumber>& pairs);

  double of(int32_t grade) const;
  // Whether documents without a judgement have a gain.
  bool outside_counts() const { return of(outside_pool) != 0; }
  std::vector<GradeGain>& levels() { return levels_; }
  const std::vector<GradeGain>& levels() const { return levels_; }

 private:
  std::vector<GradeGain> levels_;
};

// Gains of the ideal ranking, one after the other; then 0 for ever.
class IdealRanking {
 public:
  explicit IdealRanking(const Gains& gains)
      : levels_(gains.levels()), level_(static_cast<int64_t>(levels_.size()) - 1) {
    read_gain();
  }

  // The gain at the place where the ranking stands; before the first `advance`, the highest gain.
  double gain() const { return gain_; }
  void advance() {
    ++at_level_;
    while (level_ >= 0 && at_level_ > levels_[static_cast<size_t>(level_)].documents) {
      at_level_ = 1;
      --level_;
      read_gain();
    }
  }

 private:
  void read_gain() { gain_ = level_ >= 0 ? levels_[static_cast<size_t>(level_)].gain : 0; }

  const std::vector<GradeGain>& levels_;
  int64_t level_, at_level_ = 0;
  double gain_ = 0;
};

// log2 of rank + 2, the discount of the document at `rank` (from 0).
double discount(int64_t rank);

}  // namespace coppice
