#include <fmt/ranges.h>

#include "base/html_report.h"
#include "base/plot.h"
#include "base/progress.h"
#include "lab/compare/compare.h"
#include "lab/convert/converters.h"

namespace coppice::lab {
namespace {

std::string perplexity_cell(const CompareRow& row) {
  return row.ppl_by_seed.size() > 1 ? fmt::format("{:.4g} ± {:.2g}", row.ppl, row.ppl_deviation)
                                    : fmt::format("{:.4g}", row.ppl);
}

Table make_table(const Comparison& comparison) {
  Table table({"method", "ppl", "active FFN", "active", "total", "convert", "tok/s", "bytes/token", "output",
               "note"});
  for (const auto& row : comparison.rows) {
    const bool over_budget = !row.best_directory.empty() && !row.within_budget;
    table.add_row({row.method, perplexity_cell(row), fmt::format("{:.1f}%", 100 * row.active),
                   human_count(static_cast<double>(row.active_params)),
                   human_count(static_cast<double>(row.total_params)),
                   row.best_directory.empty() ? "" : human_duration(row.seconds),
                   fmt::format("{:.0f}", row.tokens_per_second), human_bytes(row.bytes_per_token),
                   row.best_directory.empty() ? "" : row.family,
                   over_budget ? "over the budget" : (row.exact ? "" : "not exact")});
  }
  return table;
}

std::string plot_of(const Comparison& comparison) {
  std::vector<PlotSeries> series(2);
  series[0].name = "dense";
  series[1].name = "converted";
  for (const auto& row : comparison.rows)
    series[row.best_directory.empty() ? 0 : 1].points.push_back(
        {.x = static_cast<double>(row.active_params) / 1e6,
         .y = row.ppl,
         .y_low = row.ppl - row.ppl_deviation,
         .y_high = row.ppl + row.ppl_deviation,
         .label = row.method});
  return plot_svg({.title = "Quality against active parameters",
                   .x_axis = "active parameters (millions)",
                   .y_axis = "held-out perplexity (lower is better)",
                   .log_y = true},
                  series);
}

std::string setting_sentence(const Comparison& comparison) {
  const CompareRequest& request = comparison.request;
  return fmt::format(
      "{}, at {:.0f}% of the feed-forward parameters active, {} experts asked for; calibration text {}; "
      "judged on {} "
      "({} tokens in {} windows); seed{} {}. Nothing was fine-tuned.",
      request.dense.string(), 100 * request.active, request.experts, request.calibration.string(),
      request.text.string(), comparison.text_tokens, comparison.text_windows,
      request.seeds.size() > 1 ? "s" : "", fmt::join(request.seeds, ", "));
}

}  // namespace

std::string comparison_text(const Comparison& comparison) {
  std::string text = setting_sentence(comparison) + "\n\n" + make_table(comparison).text();
  for (const auto& row : comparison.rows)
    for (const auto& remark : row.remarks) text += fmt::format("{}: {}\n", row.method, remark);
  const CompareRow* best = comparison.best();
  return text +
         (best == nullptr
              ? "\nNo conversion met the budget.\n"
              : fmt::format("\nBest within the budget: {} ({} times the dense perplexity).\n", best->method,
                            fmt::format("{:.3g}", best->ppl / comparison.rows.front().ppl)));
}

Json comparison_json(const Comparison& comparison) {
  Json rows = Json::array();
  for (const auto& row : comparison.rows)
    rows.push_back({{"method", row.method},
                    {"ppl", row.ppl},
                    {"ppl_by_seed", row.ppl_by_seed},
                    {"ppl_sd", row.ppl_deviation},
                    {"active_params", row.active_params},
                    {"total_params", row.total_params},
                    {"active", row.active},
                    {"within_budget", row.within_budget},
                    {"exact", row.exact},
                    {"seconds", row.seconds},
                    {"tokens_per_s", row.tokens_per_second},
                    {"bytes_per_token", row.bytes_per_token},
                    {"family", row.family},
                    {"directory", row.best_directory},
                    {"remarks", row.remarks}});
  const CompareRow* best = comparison.best();
  return {{"model", comparison.request.dense.string()},
          {"active", comparison.request.active},
          {"experts", comparison.request.experts},
          {"seeds", comparison.request.seeds},
          {"text_tokens", comparison.text_tokens},
          {"best", best == nullptr ? Json() : Json(best->method)},
          {"rows", rows}};
}

std::string comparison_html(const Comparison& comparison) {
  HtmlReport report("Conversions compared");
  report.paragraph(setting_sentence(comparison));
  report.table(make_table(comparison));
  report.svg(plot_of(comparison));
  if (const CompareRow* best = comparison.best()) {
    report.heading(fmt::format("Best within the budget: {}", best->method));
    report.paragraph(fmt::format("Tokens that each expert received on the held-out text, by layer ({}).",
                                 best->best_directory));
    if (!best->expert_load.empty())
      report.svg(heat_map_svg("Expert load", "expert", "layer", best->expert_load));
  }
  report.heading("What the methods are");
  Table methods({"method", "what it does", "paper"});
  for (const auto& row : comparison.rows)
    if (const Converter* converter = converters().find(row.method))
      methods.add_row({row.method, converter->summary, converter->paper});
  report.table(methods);
  bool any_remark = false;
  for (const auto& row : comparison.rows) any_remark = any_remark || !row.remarks.empty();
  if (any_remark) report.heading("Remarks");
  for (const auto& row : comparison.rows)
    for (const auto& remark : row.remarks) report.paragraph(row.method + ": " + remark);
  report.heading("The same figures for programs");
  report.code(make_table(comparison).tsv());
  return report.html();
}

}  // namespace coppice::lab
