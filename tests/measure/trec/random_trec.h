#pragma once
// Random runs and judgements with what makes evaluations differ: ties, scores that are one as floats, lines in any order,
// queries that one side lacks, grades below 0, documents that were not judged.

#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "format/trec.h"

namespace coppice::test {

struct RandomTrec {
  std::string run, judgements;
  bool complete = false;  // some judged queries are not in the run
};

inline std::string random_doc(Rng& rng, int64_t docs) {
  const auto number = rng.below(static_cast<uint64_t>(docs));
  return fmt::format("{}{}", number % 3 == 0 ? "FT-" : number % 3 == 1 ? "doc" : "D", number);
}

inline std::string random_score(Rng& rng) {
  switch (rng.below(6)) {
    case 0:
      return fmt::format("{}", rng.below(5));
    case 1:
      return fmt::format("0.1{}", rng.below(3) == 0 ? "" : "0000000001");  // equal as floats
    case 2:
      return fmt::format("-{}.{}", rng.below(3), rng.below(10));
    case 3:
      return fmt::format("{}e-{}", rng.below(10), rng.below(4));
    case 4:
      return fmt::format("+{:.3f}", rng.uniform());
    default:
      return fmt::format("{}", rng.uniform(0, 2));
  }
}

// One line for each distinct document of each query, shuffled.
inline std::string shuffled_lines(std::vector<std::string> lines, Rng& rng) {
  rng.shuffle(lines);
  std::string text;
  for (const auto& line : lines) {
    text += line + (rng.chance(0.02) ? " \r\n" : "\n");
    if (rng.chance(0.01)) text += "# a comment\n";
  }
  return text;
}

inline std::string random_run(const std::vector<std::string>& queries, int64_t docs, Rng& rng) {
  std::vector<std::string> lines;
  for (const auto& query : queries) {
    std::set<std::string> seen;
    const auto length = 1 + rng.below(rng.chance(0.3) ? 8 : 150);
    for (uint64_t i = 0; i < length; ++i)
      if (const std::string doc = random_doc(rng, docs); seen.insert(doc).second)
        lines.push_back(fmt::format("{}\tQ0 {}  {} {} tag", query, doc, rng.below(9), random_score(rng)));
  }
  return shuffled_lines(std::move(lines), rng);
}

// A level for preferences that is the same in all subgroups, so that they do not contradict each other.
inline std::string level_by_name(const std::string& doc) {
  return fmt::format("{}", static_cast<double>(Rng(0).fork(doc).below(6)) / 2);
}

inline std::string random_level(JudgementFormat format, Rng& rng) {
  if (format == JudgementFormat::qrels_prefs) return fmt::format("{}", rng.below(4));
  return fmt::format("{}", static_cast<int64_t>(rng.below(rng.chance(0.5) ? 4 : 7)) - 2);
}

inline std::string random_judgements(const std::vector<std::string>& queries, int64_t docs,
                                     JudgementFormat format, Rng& rng) {
  std::vector<std::string> lines;
  for (const auto& query : queries) {
    const bool grouped = format != JudgementFormat::qrels;
    const uint64_t groups = grouped ? 1 + rng.below(3) : 1;
    for (uint64_t group = 0; group < groups; ++group) {
      std::set<std::string> seen;
      const bool two_subgroups = rng.chance(0.5);
      const auto length = 1 + rng.below(rng.chance(0.3) ? 5 : 60);
      for (uint64_t i = 0; i < length; ++i) {
        const std::string doc = random_doc(rng, docs);
        if (!seen.insert(doc).second) continue;
        const std::string place = format == JudgementFormat::prefs
                                      ? fmt::format("g{} s{}", group, two_subgroups ? rng.below(2) : 0)
                                  : grouped ? fmt::format("g{}", group)
                                            : "0";
        // At least one document is judged: without, trec_eval goes on with numbers of the query before.
        const std::string level = format == JudgementFormat::prefs ? level_by_name(doc)
                                  : i == 0                         ? "0"
                                                                   : random_level(format, rng);
        lines.push_back(fmt::format("{} {} {}\t{}", query, place, doc, level));
      }
    }
  }
  // trec_eval wants no blank lines, and no two comments on end.
  rng.shuffle(lines);
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

inline RandomTrec random_trec(uint64_t seed, JudgementFormat format) {
  Rng rng(seed);
  RandomTrec result;
  result.complete = rng.chance(0.4);
  const auto docs = static_cast<int64_t>(3 + rng.below(rng.chance(0.5) ? 40 : 400));
  std::vector<std::string> judged, found;
  const auto queries = 1 + rng.below(8);
  for (uint64_t i = 0; i < queries; ++i) {
    const std::string name = fmt::format("{}{}", i % 2 == 0 ? "q" : "", i);
    const bool missing = result.complete && i > 0 && rng.chance(0.4);
    judged.push_back(name);
    if (!missing) found.push_back(name);
  }
  found.push_back("not-judged");
  result.run = random_run(found, docs, rng);
  result.judgements = random_judgements(judged, docs, format, rng);
  return result;
}

}  // namespace coppice::test
