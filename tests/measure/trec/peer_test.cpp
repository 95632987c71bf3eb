// Against trec_eval itself: COPPICE_TREC_EVAL names the program, version 10, compiled with
// -ftrivial-auto-var-init=zero (its rbp reads variables that nothing has set). Every measure on random data, byte for byte.
// Queries that a run lacks are compared with -c alone: without it, version 10 stops at the first of them.

#include <cstdio>
#include <cstdlib>

#include <gmock/gmock.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/strings.h"
#include "measure/measure_names.h"
#include "measure/trec/random_trec.h"
#include "support.h"

namespace coppice {
namespace {

constexpr uint64_t seeds = 40;

#define COPPICE_NEEDS_TREC_EVAL()                         \
  const char* program = std::getenv("COPPICE_TREC_EVAL"); \
  if (program == nullptr)                                 \
  GTEST_SKIP() << "COPPICE_TREC_EVAL does not name the program trec_eval (version 10); not compared with it"

struct Case {
  JudgementFormat format;
  std::vector<std::string> measures;
  EvaluationOptions options;
  std::string flags;  // the same options for trec_eval
};

std::string output_of(const std::string& command) {
  const test::TemporaryFolder folder;
  const std::string out = (folder / "out").string();
  const int status = std::system((command + " >" + out + " 2>&1").c_str());
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command << "\n"
                                                             << read_file(out).substr(0, 500);
  return read_file(out);
}

// The first lines that differ.
std::string difference(const std::string& a, const std::string& b) {
  const auto ours = split(a, '\n'), theirs = split(b, '\n');
  std::string text;
  int shown = 0;
  for (size_t i = 0; i < std::max(ours.size(), theirs.size()) && shown < 5; ++i) {
    const std::string x = i < ours.size() ? ours[i] : "(none)", y = i < theirs.size() ? theirs[i] : "(none)";
    if (x == y) continue;
    text += fmt::format("line {}: ours {}, theirs {}\n", i + 1, x, y);
    ++shown;
  }
  return text;
}

void compare(const char* program, uint64_t seed, const Case& test_case) {
  const test::RandomTrec data = test::random_trec(seed, test_case.format);
  const test::TemporaryFolder folder;
  write_file(folder / "run", data.run);
  write_file(folder / "judgements", data.judgements);

  EvaluationOptions options = test_case.options;
  options.complete = data.complete;
  const auto judgements = TrecJudgements::read(folder / "judgements", test_case.format);
  const auto run = TrecRun::read(folder / "run");
  const auto requests = parse_measures(test_case.measures);
  const std::string ours = trec_eval_lines(evaluate(judgements, run, requests, options), true, true);

  std::string command = fmt::format("{} -q -R {} {}", program, to_string(test_case.format), test_case.flags);
  if (data.complete) command += " -c";
  for (const auto& measure : test_case.measures) command += " -m " + measure;
  command += fmt::format(" {} {}", (folder / "judgements").string(), (folder / "run").string());
  const std::string theirs = output_of(command);
  ASSERT_EQ(difference(ours, theirs), "") << "seed " << seed << ": " << command;
}

// Options by seed, so that every combination comes.
Case random_options(Case base, uint64_t seed) {
  Rng rng(1000 + seed);
  if (rng.chance(0.5)) {
    base.options.relevance_level = static_cast<int64_t>(1 + rng.below(3));
    base.flags += fmt::format(" -l {}", base.options.relevance_level);
  }
  if (rng.chance(0.4)) {
    base.options.max_per_query = static_cast<int64_t>(1 + rng.below(60));
    base.flags += fmt::format(" -M {}", base.options.max_per_query);
  }
  if (rng.chance(0.3)) {
    base.options.judged_only = true;
    base.flags += " -J";
  }
  if (rng.chance(0.3)) {
    base.options.documents = 1000;
    base.flags += " -N 1000";
  }
  return base;
}

TEST(TrecEval, EveryMeasureOnRandomRuns) {
  COPPICE_NEEDS_TREC_EVAL();
  const Case base = {.format = JudgementFormat::qrels, .measures = {"all_trec", "yaap", "dcg", "ideal_dcg"}};
  for (uint64_t seed = 1; seed <= seeds && !HasFatalFailure(); ++seed)
    compare(program, seed, random_options(base, seed));
}

TEST(TrecEval, ParametersOnRandomRuns) {
  COPPICE_NEEDS_TREC_EVAL();
  const Case base = {
      .format = JudgementFormat::qrels,
      .measures = {"P.1,3,17", "recall.2,7", "map_cut.4", "ndcg_cut.1,2,33", "relative_P.6,60",
                   "success.1,2,3", "unj.1,2,50", "iprec_at_recall..33,.66,.99", "Rprec_mult.0.5,1,3.3",
                   "11pt_avg..2,.5,.8", "utility.3,-1.5,-0.25,0.001", "set_F.2.5", "relstring.25",
                   "ndcg.1=3.5,2=9,3=0.5", "ndcg_rel.1=0.5,2=0.25,4=10", "Rndcg.1=2,2=2.5",
                   "G.1=3.5,2=9.0,4=7.0", "rbp.p=0.8,1=0.5,2=0.75,3=1,4=1", "rbp_resid.p=0.5"}};
  for (uint64_t seed = 1; seed <= seeds && !HasFatalFailure(); ++seed)
    compare(program, 5000 + seed, random_options(base, seed));
}

// trec_eval keeps the gains of dcg, ideal_dcg and ndcg in one place, so they come one at a time.
TEST(TrecEval, GainsOfDcgOnRandomRuns) {
  COPPICE_NEEDS_TREC_EVAL();
  for (const std::string measure : {"dcg.0=0.25,1=-1,2=3", "ideal_dcg.1=2,2=0.5", "ndcg.-1=0.5,-2=1,1=4"})
    for (uint64_t seed = 1; seed <= seeds && !HasFatalFailure(); ++seed)
      compare(program, 7000 + seed,
              random_options({.format = JudgementFormat::qrels, .measures = {measure}}, seed));
}

TEST(TrecEval, JudgementGroupsOnRandomRuns) {
  COPPICE_NEEDS_TREC_EVAL();
  const Case base = {.format = JudgementFormat::qrels_jg,
                     .measures = {"qrels_jg", "P_avgjg.1,7", "Rprec_mult_avgjg.0.3,1,2.2"}};
  for (uint64_t seed = 1; seed <= seeds && !HasFatalFailure(); ++seed)
    compare(program, 9000 + seed, random_options(base, seed));
}

TEST(TrecEval, PreferencesOnRandomRuns) {
  COPPICE_NEEDS_TREC_EVAL();
  for (const auto format : {JudgementFormat::prefs, JudgementFormat::qrels_prefs})
    for (uint64_t seed = 1; seed <= seeds && !HasFatalFailure(); ++seed)
      compare(program, 13000 + seed, {.format = format, .measures = {"all_prefs"}});
}

}  // namespace
}  // namespace coppice
