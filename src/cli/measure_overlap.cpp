#include <cmath>

#include "base/table.h"
#include "cli/measure_overlap_options.h"
#include "format/trec.h"
#include "measure/overlap.h"

namespace coppice {
namespace {

std::vector<std::string_view> ranking_of(const TrecRun::Query& query) {
  std::vector<RunDoc> docs(query.docs.begin(), query.docs.end());
  sort_by_rank(docs);
  std::vector<std::string_view> names;
  for (const auto& doc : docs) names.push_back(doc.doc);
  return names;
}

std::vector<std::string> columns_of(const MeasureOverlapOptions& options) {
  std::vector<std::string> columns = {fmt::format("RBO(p={:g})", options.p)};
  for (const int64_t k : options.k) columns.push_back(fmt::format("Jaccard@{}", k));
  columns.emplace_back("tau");
  return columns;
}

// NaN where tau has nothing to compare.
std::vector<double> compare(const TrecRun::Query& one, const TrecRun::Query& other,
                            const MeasureOverlapOptions& options) {
  const auto a = ranking_of(one), b = ranking_of(other);
  std::vector<double> values = {rank_biased_overlap(a, b, options.p)};
  for (const int64_t k : options.k) values.push_back(jaccard_at(a, b, static_cast<size_t>(k)));
  values.push_back(kendall_tau_of_common(a, b).value_or(NAN));
  return values;
}

struct Comparison {
  std::vector<std::string_view> queries;
  std::vector<std::vector<double>> values;  // by query
  std::vector<double> means;
};

Comparison compare(const TrecRun& first, const TrecRun& run, const MeasureOverlapOptions& options) {
  Comparison comparison;
  for (const auto& query : run.queries())
    if (const auto* same = first.find(query.id)) {
      comparison.queries.push_back(query.id);
      comparison.values.push_back(compare(*same, query, options));
    }
  if (comparison.queries.empty())
    throw Error({.where = run.where(), .found = "no query that " + first.where() + " has too"});
  for (size_t column = 0; column < comparison.values[0].size(); ++column) {
    double sum = 0;
    int64_t count = 0;
    for (const auto& values : comparison.values)
      if (!std::isnan(values[column])) {
        sum += values[column];
        ++count;
      }
    comparison.means.push_back(count > 0 ? sum / static_cast<double>(count) : NAN);
  }
  return comparison;
}

std::string shown(double value) {
  return std::isnan(value) ? "-" : fmt::format("{:.4f}", value);
}

Json values_json(const std::vector<std::string>& columns, const std::vector<double>& values) {
  Json json = Json::object();
  for (size_t i = 0; i < columns.size(); ++i)
    json[columns[i]] = std::isnan(values[i]) ? Json() : Json(values[i]);
  return json;
}

}  // namespace

int run_measure_overlap(const MeasureOverlapOptions& options) {
  if (options.runs.size() < 2)
    throw Error({.where = "coppice measure overlap", .found = "one run", .expected = "two or more"},
                Fault::usage);
  const auto columns = columns_of(options);
  const TrecRun first = TrecRun::read(options.runs[0]);
  std::vector<std::string> head = {"run", "query"};
  head.insert(head.end(), columns.begin(), columns.end());
  Table table(head);
  Json json = {{"first", options.runs[0].string()}, {"runs", Json::array()}};
  for (size_t i = 1; i < options.runs.size(); ++i) {
    const TrecRun run = TrecRun::read(options.runs[i]);
    const auto comparison = compare(first, run, options);
    const auto add_row = [&](std::string query, const std::vector<double>& values) {
      std::vector<std::string> row = {options.runs[i].string(), std::move(query)};
      for (const double value : values) row.push_back(shown(value));
      table.add_row(row);
    };
    Json entry = {{"file", options.runs[i].string()},
                  {"queries", comparison.queries.size()},
                  {"means", values_json(columns, comparison.means)}};
    for (size_t query = 0; options.per_query && query < comparison.queries.size(); ++query) {
      const std::string name(comparison.queries[query]);
      add_row(name, comparison.values[query]);
      entry["per_query"][name] = values_json(columns, comparison.values[query]);
    }
    add_row("all", comparison.means);
    json["runs"].push_back(std::move(entry));
  }
  print_result(options.common, json, table.text());
  return 0;
}

}  // namespace coppice
