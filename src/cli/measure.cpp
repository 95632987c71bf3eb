#include <cmath>
#include <map>

#include "base/log.h"
#include "base/table.h"
#include "cli/measure_options.h"
#include "cli/run_names.h"
#include "measure/measure_names.h"
#include "measure/significance.h"
#include "measure/trec/evaluate.h"

namespace coppice {
namespace {

EvaluationOptions evaluation_options(const MeasureOptions& options) {
  return {.relevance_level = options.relevance_level,
          .max_per_query = options.max_per_query.value_or(no_cut),
          .judged_only = options.judged_only,
          .complete = options.complete,
          .documents = options.documents};
}

// NaN is null in JSON.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

Json values_json(const Evaluation& evaluation, const std::function<double(size_t)>& value, bool summary) {
  Json json = Json::object();
  for (size_t i = 0; i < evaluation.columns.size(); ++i) {
    const auto& column = evaluation.columns[i];
    if (column.shown == Shown::text || (!summary && !column.by_query)) continue;
    json[column.name] = number(value(i));
  }
  return json;
}

Json evaluation_json(const Evaluation& evaluation, const MeasureOptions& options) {
  Json json = {{"run", evaluation.tag}, {"queries", evaluation.queries.size()}};
  if (!options.no_summary)
    json["measures"] = values_json(
        evaluation, [&](size_t i) { return evaluation.summary[i]; }, true);
  if (!options.per_query) return json;
  for (size_t query = 0; query < evaluation.queries.size(); ++query) {
    Json& values = json["per_query"][evaluation.queries[query]];
    values = values_json(
        evaluation, [&](size_t i) { return evaluation.value(query, i); }, false);
    for (size_t i = 0; i < evaluation.columns.size(); ++i)
      if (!evaluation.texts[i].empty() && evaluation.columns[i].by_query)
        values[evaluation.columns[i].name] = evaluation.texts[i][query];
  }
  return json;
}

// Several runs and what sets them apart.
class Comparison {
 public:
  Comparison(const MeasureOptions& options, std::vector<Evaluation> runs)
      : options_(options), runs_(std::move(runs)) {
    std::vector<std::string> tags;
    for (const Evaluation& run : runs_) tags.push_back(run.tag);
    names_ = run_names(tags, options_.runs);
    for (size_t i = 0; i < runs_.front().columns.size(); ++i)
      if (const auto& column = runs_.front().columns[i]; column.shown != Shown::text) columns_.push_back(i);
    for (const size_t column : columns_) p_[column] = test(column);
    if (std::any_of(runs_.begin(), runs_.end(),
                    [this](const Evaluation& run) { return run.queries != runs_[0].queries; }))
      log_warning(
          "the runs do not have the same queries: means are over those of each run (--complete counts all), "
          "tests over those that it shares with the first");
  }

  std::string text() const {
    std::string text = table().text();
    if (options_.test != SignificanceTest::none)
      text += fmt::format("* best; p: {} against {}, correction {}\n", test_name(), names_[0],
                          to_string(options_.correction));
    if (options_.per_query) text = by_query().text() + "\n" + text;
    return text;
  }

  Json json() const {
    Json json = {{"runs", Json::array()}};
    if (options_.test != SignificanceTest::none) {
      json["test"] = to_string(options_.test);
      json["correction"] = to_string(options_.correction);
    }
    for (size_t run = 0; run < runs_.size(); ++run) {
      Json entry = evaluation_json(runs_[run], options_);
      entry["file"] = options_.runs[run].string();
      for (const auto& [column, p] : p_)
        if (run > 0 && !std::isnan(p[run])) entry["p"][runs_[0].columns[column].name] = p[run];
      json["runs"].push_back(std::move(entry));
    }
    return json;
  }

 private:
  // A measure of which a test and a best run make sense.
  bool is_mean(size_t column) const {
    const auto summary = runs_.front().columns[column].summary;
    return summary == Summary::mean || summary == Summary::geometric_mean;
  }

  std::string test_name() const {
    return options_.test == SignificanceTest::t ? "paired t-test" : "paired randomisation test";
  }

  // By run: p of its difference from the first; NaN for the first and where there is nothing to test.
  std::vector<double> test(size_t column) const {
    std::vector<double> p(runs_.size(), NAN);
    if (options_.test == SignificanceTest::none || !is_mean(column)) return p;
    std::vector<double> tested;
    for (size_t run = 1; run < runs_.size(); ++run) tested.push_back(test_run(run, column));
    if (options_.correction == Correction::bonferroni) tested = bonferroni(tested);
    if (options_.correction == Correction::holm) tested = holm(tested);
    std::copy(tested.begin(), tested.end(), p.begin() + 1);
    return p;
  }

  double test_run(size_t run, size_t column) const {
    const Evaluation &first = runs_[0], &other = runs_[run];
    std::map<std::string, double> of_first;
    for (size_t i = 0; i < first.queries.size(); ++i) of_first[first.queries[i]] = first.value(i, column);
    std::vector<double> a, b;
    for (size_t i = 0; i < other.queries.size(); ++i)
      if (const auto found = of_first.find(other.queries[i]); found != of_first.end()) {
        a.push_back(other.value(i, column));
        b.push_back(found->second);
      }
    if (options_.test == SignificanceTest::t) return paired_t_test(a, b).p;
    return paired_randomisation_test(
               a, b, {.permutations = options_.permutations, .seed = static_cast<uint64_t>(options_.seed)})
        .p;
  }

  static std::string shown(const Evaluation::Column& column, double value) {
    return column.shown == Shown::whole ? fmt::format("{:.0f}", value) : fmt::format("{:.4f}", value);
  }

  Table table() const {
    std::vector<std::string> head = {"run"};
    for (const size_t column : columns_) {
      head.push_back(runs_[0].columns[column].name);
      if (tested(column)) head.emplace_back("p");
    }
    Table table(head);
    for (size_t run = 0; run < runs_.size(); ++run) {
      std::vector<std::string> row = {names_[run]};
      for (const size_t column : columns_) {
        const double value = runs_[run].summary[column];
        bool best = is_mean(column);
        for (const auto& other : runs_) best = best && !(other.summary[column] > value);
        row.push_back(shown(runs_[run].columns[column], value) + (best ? "*" : is_mean(column) ? " " : ""));
        if (tested(column)) row.push_back(run == 0 ? "" : fmt::format("{:.4f}", p_.at(column)[run]));
      }
      table.add_row(row);
    }
    return table;
  }

  bool tested(size_t column) const { return options_.test != SignificanceTest::none && is_mean(column); }

  Table by_query() const {
    std::vector<std::string> head = {"measure", "query"};
    std::map<std::string, std::vector<size_t>> queries;  // where each run has it
    for (size_t run = 0; run < runs_.size(); ++run) {
      head.push_back(names_[run]);
      for (size_t i = 0; i < runs_[run].queries.size(); ++i) {
        auto& places = queries[runs_[run].queries[i]];
        places.resize(runs_.size(), absent);
        places[run] = i;
      }
    }
    Table table(head);
    for (const size_t column : columns_) {
      const auto& info = runs_[0].columns[column];
      if (!info.by_query) continue;
      for (const auto& [query, places] : queries) {
        std::vector<std::string> row = {info.name, query};
        for (size_t run = 0; run < runs_.size(); ++run)
          row.push_back(places[run] == absent ? "-" : shown(info, runs_[run].value(places[run], column)));
        table.add_row(row);
      }
    }
    return table;
  }

  static constexpr size_t absent = ~size_t{0};
  const MeasureOptions& options_;
  std::vector<Evaluation> runs_;
  std::vector<std::string> names_;
  std::vector<size_t> columns_;
  std::map<size_t, std::vector<double>> p_;  // by column, by run
};

std::vector<std::string> measures_asked_for(const MeasureOptions& options) {
  if (!options.measure.empty()) return options.measure;
  if (options.judgements == JudgementFormat::qrels_jg) return {"qrels_jg"};
  if (options.judgements != JudgementFormat::qrels) return {"prefs"};
  if (options.runs.size() == 1) return {"official"};
  return {"nDCG@10", "AP", "RR", "R@1000"};
}

}  // namespace

int run_measure(const MeasureOptions& options) {
  const auto requests = parse_measures(measures_asked_for(options));
  const auto judgements = TrecJudgements::read(find_judgements(options.qrels), options.judgements);
  const auto zscores = options.zscores.empty() ? std::nullopt : std::optional(ZScores::read(options.zscores));
  std::vector<Evaluation> evaluations;
  for (const auto& path : options.runs)
    evaluations.push_back(evaluate(judgements, TrecRun::read(path), requests, evaluation_options(options),
                                   zscores ? &*zscores : nullptr));
  if (evaluations.size() == 1) {
    print_result(options.common, evaluation_json(evaluations[0], options),
                 trec_eval_lines(evaluations[0], options.per_query, !options.no_summary));
    return 0;
  }
  const Comparison comparison(options, std::move(evaluations));
  print_result(options.common, comparison.json(), comparison.text());
  return 0;
}

}  // namespace coppice
