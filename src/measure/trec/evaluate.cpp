#include "measure/trec/evaluate.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/parallel.h"

namespace coppice {
namespace {

// A query that a run lacks is measured as if one wrong document had been found; no file has this name.
constexpr RunDoc no_document = {"\n", 1};

constexpr int64_t queries_at_once = 4;

struct Task {
  const TrecJudgements::Query* judged;
  const TrecRun::Query* found;  // null if the run lacks it
};

bool fits(Needs needs, JudgementFormat format) {
  switch (needs) {
    case Needs::ranking:
      return format == JudgementFormat::qrels;
    case Needs::groups:
      return format == JudgementFormat::qrels_jg;
    case Needs::preferences:
      return format == JudgementFormat::prefs || format == JudgementFormat::qrels_prefs;
    case Needs::nothing:
      return true;
  }
  return false;
}

void check_needs(std::span<const MeasureRequest> requests, JudgementFormat format) {
  for (const auto& [measure, level, cut, judged_only] : requests)
    if (!fits(measure.needs, format))
      throw Error({.where = "measure " + measure.names.front(),
                   .found = fmt::format("judgements of the form {}", to_string(format)),
                   .expected = measure.needs == Needs::ranking  ? "qrels"
                               : measure.needs == Needs::groups ? "qrels_jg"
                                                                : "prefs or qrels_prefs"},
                  Fault::usage);
}

std::vector<Task> find_tasks(const TrecJudgements& judgements, const TrecRun& run, bool complete) {
  std::vector<Task> tasks;
  size_t common = 0;
  for (const auto& query : judgements.queries()) {
    const TrecRun::Query* found = run.find(query.id);
    if (found != nullptr) ++common;
    if (found != nullptr || complete) tasks.push_back({&query, found});
  }
  if (common == 0)
    throw Error({.where = run.where(),
                 .found = fmt::format("no query that {} has judgements of; queries such as '{}'",
                                      judgements.where(), run.queries().front().id),
                 .expected = fmt::format("queries such as '{}'", judgements.queries().front().id)});
  return tasks;
}

// Computes the values of queries; one object for each thread.
class QueryMeasurer {
 public:
  QueryMeasurer(const TrecJudgements& judgements, const TrecRun& run,
                std::span<const MeasureRequest> requests, const EvaluationOptions& options)
      : judgements_(judgements), run_(run), requests_(requests), options_(options) {
    for (const auto& request : requests) {
      const RankingView view = {.relevance_level = request.relevance_level.value_or(options.relevance_level),
                                .cut = request.cut,
                                .judged_only = request.judged_only || options.judged_only};
      const auto known = std::find(views_.begin(), views_.end(), view);
      view_of_request_.push_back(static_cast<size_t>(known - views_.begin()));
      if (known == views_.end()) views_.push_back(view);
    }
  }

  // `values` of the query are 0; texts[column] is set where a column is text.
  void measure(const Task& task, std::span<double> values,
               const std::function<void(size_t, std::string)>& set_text) {
    const auto docs = task.found != nullptr ? task.found->docs : std::span(&no_document, 1);
    join(*task.judged, docs);
    size_t column = 0;
    for (size_t i = 0; i < requests_.size(); ++i) {
      const Measure& measure = requests_[i].measure;
      const QueryView query = view(view_of_request_[i]);
      const bool absent = task.found == nullptr && measure.zero_when_absent;
      if (measure.text && !absent) set_text(column, measure.text(query));
      if (measure.calculate && !absent)
        measure.calculate(query, values.subspan(column, measure.names.size()));
      column += measure.names.size();
    }
  }

 private:
  void join(const TrecJudgements::Query& judged, std::span<const RunDoc> docs) {
    rankings_.clear();
    groups_.clear();
    const int64_t cut = options_.max_per_query;
    switch (judgements_.format()) {
      case JudgementFormat::qrels: {
        judge_.rank(docs, cut, judged.id, run_.where());
        const JudgedRanking ranking = judge_.judge(judged.judged);
        for (const auto& seen : views_) rankings_.push_back(view_of(ranking, seen));
        break;
      }
      case JudgementFormat::qrels_jg:
        judge_.rank(docs, cut, judged.id, run_.where());
        groups_.resize(views_.size());
        for (size_t begin = 0, end = 0; begin < judged.judged.size(); begin = end) {
          while (end < judged.judged.size() && judged.judged[end].group == judged.judged[begin].group) ++end;
          const JudgedRanking ranking = judge_.judge(judged.judged.subspan(begin, end - begin));
          for (size_t i = 0; i < views_.size(); ++i) groups_[i].push_back(view_of(ranking, views_[i]));
        }
        break;
      default:
        judge_.rank_for_preferences(docs, cut, judged.id, run_.where());
        preferences_ = count_preferences(judged.judged, judge_, judged.id, judgements_.where());
    }
  }

  QueryView view(size_t i) const {
    QueryView query{.preferences = &preferences_, .documents = options_.documents};
    if (!rankings_.empty()) query.ranking = &rankings_[i];
    if (!groups_.empty()) query.groups = groups_[i];
    return query;
  }

  const TrecJudgements& judgements_;
  const TrecRun& run_;
  std::span<const MeasureRequest> requests_;
  const EvaluationOptions& options_;
  std::vector<RankingView> views_;
  std::vector<size_t> view_of_request_;
  RankingJudge judge_;
  std::vector<JudgedRanking> rankings_;             // by view
  std::vector<std::vector<JudgedRanking>> groups_;  // by view
  PreferenceCounts preferences_;
};

int64_t relevant_of_all_queries(const TrecJudgements& judgements) {
  int64_t count = 0;
  for (const auto& query : judgements.queries())
    count += std::count_if(query.judged.begin(), query.judged.end(),
                           [](const Judgement& j) { return j.level > 0; });
  return count;
}

void sum_up(const TrecJudgements& judgements, const EvaluationOptions& options, Evaluation& evaluation) {
  const size_t columns = evaluation.columns.size();
  const auto queries = static_cast<double>(evaluation.queries.size());
  evaluation.summary.assign(columns, 0);
  // Query by query, so that sums are rounded as trec_eval's are.
  for (size_t query = 0; query < evaluation.queries.size(); ++query)
    for (size_t column = 0; column < columns; ++column)
      evaluation.summary[column] += evaluation.value(query, column);
  for (size_t column = 0; column < columns; ++column) {
    double& value = evaluation.summary[column];
    switch (evaluation.columns[column].summary) {
      case Summary::mean:
        value /= queries;
        break;
      case Summary::geometric_mean:
        value = std::exp(value / queries);
        break;
      case Summary::queries:
        value = queries;
        break;
      case Summary::relevant:
        if (options.complete) value = static_cast<double>(relevant_of_all_queries(judgements));
        break;
      case Summary::sum:
      case Summary::none:
        break;
    }
  }
}

// printf's %6.4f.
void append_real(std::string& text, double value) {
  std::array<char, 512> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed, 4).ptr;
  const auto length = static_cast<size_t>(end - digits.data());
  if (length < 6) text.append(6 - length, ' ');
  text.append(digits.data(), length);
}

void append_line(std::string& text, const Evaluation& evaluation, const Evaluation::Column& column,
                 std::string_view query, double value) {
  constexpr size_t name_width = 22;
  if (evaluation.zscores && column.shown != Shown::text) text.push_back('Z');
  text.append(column.name);
  if (column.name.size() < name_width) text.append(name_width - column.name.size(), ' ');
  text.append("\t").append(query).push_back('\t');
  if (column.shown == Shown::text) return;
  if (column.shown == Shown::whole && !evaluation.zscores)
    text.append(std::to_string(static_cast<int64_t>(value)));
  else
    append_real(text, value);
  text.push_back('\n');
}

}  // namespace

std::vector<double> Evaluation::of_column(size_t column) const {
  std::vector<double> result;
  for (size_t query = 0; query < queries.size(); ++query) result.push_back(value(query, column));
  return result;
}

Evaluation evaluate(const TrecJudgements& judgements, const TrecRun& run,
                    std::span<const MeasureRequest> requests, const EvaluationOptions& options,
                    const ZScores* zscores) {
  check_needs(requests, judgements.format());
  const std::vector<Task> tasks = find_tasks(judgements, run, options.complete);

  Evaluation evaluation;
  evaluation.tag = run.tag();
  evaluation.zscores = zscores != nullptr;
  for (const auto& task : tasks) evaluation.queries.emplace_back(task.judged->id);
  for (const auto& request : requests)
    for (const auto& name : request.measure.names)
      evaluation.columns.push_back({name, request.measure.summary, request.measure.shown,
                                    request.measure.by_query, request.measure.zero_when_absent});
  const size_t columns = evaluation.columns.size();
  evaluation.values.assign(tasks.size() * columns, 0);
  evaluation.texts.resize(columns);
  for (size_t column = 0; column < columns; ++column)
    if (evaluation.columns[column].shown == Shown::text) evaluation.texts[column].resize(tasks.size());

  parallel_for(static_cast<int64_t>(tasks.size()), queries_at_once, [&](int64_t begin, int64_t end) {
    QueryMeasurer measurer(judgements, run, requests, options);
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      const auto values = std::span(evaluation.values).subspan(i * columns, columns);
      measurer.measure(tasks[i], values, [&](size_t column, std::string text) {
        evaluation.texts[column][i] = std::move(text);
      });
      if (zscores != nullptr)
        for (size_t column = 0; column < columns; ++column)
          values[column] =
              zscores->of(evaluation.queries[i], evaluation.columns[column].name, values[column]);
    }
  });
  sum_up(judgements, options, evaluation);
  return evaluation;
}

std::string trec_eval_lines(const Evaluation& evaluation, bool by_query, bool summary) {
  std::string text;
  for (size_t query = 0; by_query && query < evaluation.queries.size(); ++query)
    for (size_t i = 0; i < evaluation.columns.size(); ++i) {
      const auto& column = evaluation.columns[i];
      if (!column.by_query) continue;
      append_line(text, evaluation, column, evaluation.queries[query], evaluation.value(query, i));
      if (column.shown == Shown::text) text.append("'").append(evaluation.texts[i][query]).append("'\n");
    }
  for (size_t i = 0; summary && i < evaluation.columns.size(); ++i) {
    const auto& column = evaluation.columns[i];
    if (column.shown == Shown::text && column.by_query) continue;  // relstring has no summary
    append_line(text, evaluation, column, "all", evaluation.summary[i]);
    if (column.shown == Shown::text) text.append(evaluation.tag).push_back('\n');
  }
  return text;
}

}  // namespace coppice
