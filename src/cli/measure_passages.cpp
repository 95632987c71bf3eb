// Measures that read the passages themselves.

#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "base/log.h"
#include "base/table.h"
#include "cli/measure_passages_options.h"
#include "cli/run_names.h"
#include "format/collection/answers_file.h"
#include "format/trec.h"
#include "measure/answers.h"
#include "text/tokenizer.h"

namespace coppice {
namespace {

using Ranked = std::vector<RunDoc>;

// A run with its rankings in order.
struct SortedRun {
  explicit SortedRun(const std::filesystem::path& path) : run(TrecRun::read(path)) {
    for (const auto& query : run.queries()) {
      Ranked docs(query.docs.begin(), query.docs.end());
      sort_by_rank(docs);
      queries.emplace(query.id, std::move(docs));
    }
  }
  const Ranked* find(std::string_view query) const {
    const auto at = queries.find(query);
    return at == queries.end() ? nullptr : &at->second;
  }

  TrecRun run;
  std::unordered_map<std::string_view, Ranked> queries;
};

std::vector<SortedRun> read_runs(const std::vector<std::filesystem::path>& paths) {
  std::vector<SortedRun> runs;
  for (const auto& path : paths) runs.emplace_back(path);
  return runs;
}

CollectionOptions collection_options(const PassageSourceOptions& from) {
  CollectionOptions options;
  options.format = from.format;
  options.id_field = from.id_field;
  options.text_fields = from.text_field;
  return options;
}

// Calls visit(id, text) for each of the wanted passages; a title is not part of the text if there is more. Returns how many
// were not there.
size_t visit_passages(const PassageSourceOptions& from, std::unordered_set<std::string_view> wanted,
                      const std::function<void(const std::string& id, const std::string& text)>& visit) {
  const auto reader = open_collection(from.passages, collection_options(from));
  for (SourceDocument document; !wanted.empty() && reader->next(document);) {
    if (wanted.erase(document.id) == 0) continue;
    std::string text;
    for (const auto& [name, content] : document.fields)
      if (name != "title" || document.fields.size() == 1) text += (text.empty() ? "" : " ") + content;
    visit(document.id, text);
  }
  return wanted.size();
}

void warn_of(size_t missing, const PassageSourceOptions& from) {
  if (missing > 0)
    log_warning("{} ranked passages are not in {}: they count as without text", missing,
                from.passages.string());
}

Json result_json(const std::vector<SortedRun>& runs, const std::vector<std::filesystem::path>& paths,
                 const std::vector<std::string>& columns, const std::vector<std::vector<double>>& values) {
  Json list = Json::array();
  for (size_t i = 0; i < runs.size(); ++i) {
    Json measures = Json::object();
    for (size_t column = 0; column < columns.size(); ++column) measures[columns[column]] = values[i][column];
    list.push_back(
        {{"run", std::string(runs[i].run.tag())}, {"file", paths[i].string()}, {"measures", measures}});
  }
  return {{"runs", list}};
}

std::string result_text(const std::vector<SortedRun>& runs, const std::vector<std::filesystem::path>& paths,
                        const std::vector<std::string>& columns,
                        const std::vector<std::vector<double>>& values) {
  std::vector<std::string> tags;
  for (const auto& run : runs) tags.emplace_back(run.run.tag());
  const auto names = run_names(tags, paths);
  std::vector<std::string> head = {"run"};
  head.insert(head.end(), columns.begin(), columns.end());
  Table table(head);
  for (size_t i = 0; i < runs.size(); ++i) {
    std::vector<std::string> row = {names[i]};
    for (const double value : values[i]) row.push_back(fmt::format("{:.4f}", value));
    table.add_row(row);
  }
  return table.text();
}

int64_t deepest(const std::vector<int64_t>& depths) {
  return depths.empty() ? 0 : *std::max_element(depths.begin(), depths.end());
}

int64_t words_of(const std::string& text) {
  int64_t words = 0;
  bool within = false;
  for (const char c : text) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    words += !space && !within;
    within = !space;
  }
  return words;
}

}  // namespace

int run_measure_answers(const MeasureAnswersOptions& options) {
  const auto answers = read_answers(options.answers);
  const auto runs = read_runs(options.runs);
  const auto depth = static_cast<size_t>(deepest(options.k));
  std::unordered_set<std::string_view> wanted;
  for (const auto& run : runs)
    for (const auto& query : answers)
      if (const auto* docs = run.find(query.id))
        for (size_t i = 0; i < std::min(depth, docs->size()); ++i) wanted.insert((*docs)[i].doc);
  std::unordered_map<std::string, std::string> texts;
  warn_of(visit_passages(options.from, wanted,
                         [&texts](const std::string& id, const std::string& text) { texts[id] = text; }),
          options.from);

  std::vector<std::string> columns;
  for (const int64_t k : options.k) columns.push_back(fmt::format("answer@{}", k));
  std::vector<std::vector<double>> values;
  for (const auto& run : runs) {
    std::vector<AnsweredQuery> answered;
    for (const auto& query : answers) {
      auto& one = answered.emplace_back();
      one.answers = query.answers;
      if (const auto* docs = run.find(query.id))
        for (size_t i = 0; i < std::min(depth, docs->size()); ++i)
          one.passages.push_back(texts[std::string((*docs)[i].doc)]);
    }
    values.push_back(answer_accuracy(answered, options.k));
  }
  Json json = result_json(runs, options.runs, columns, values);
  json["queries"] = answers.size();
  print_result(options.common, json, result_text(runs, options.runs, columns, values));
  return 0;
}

int run_measure_budget(const MeasureBudgetOptions& options) {
  const auto judgements = TrecJudgements::read(find_judgements(options.qrels), JudgementFormat::qrels);
  const auto runs = read_runs(options.runs);
  const auto tokenizer = options.tokenizer.empty() ? nullptr : load_tokenizer(options.tokenizer);
  // Every passage has at least a token, so that none beyond the largest budget can fit.
  const auto depth = static_cast<size_t>(deepest(options.budget));
  std::unordered_set<std::string_view> wanted;
  for (const auto& run : runs)
    for (const auto& [id, docs] : run.queries)
      for (size_t i = 0; judgements.find(id) != nullptr && i < std::min(depth, docs.size()); ++i)
        wanted.insert(docs[i].doc);
  std::unordered_map<std::string, int64_t> lengths;
  warn_of(visit_passages(options.from, wanted,
                         [&](const std::string& id, const std::string& text) {
                           lengths[id] = tokenizer
                                             ? static_cast<int64_t>(tokenizer->encode(text, false).size())
                                             : words_of(text);
                         }),
          options.from);

  std::vector<std::string> columns;
  for (const int64_t budget : options.budget)
    columns.push_back(fmt::format("R@{}{}", budget, tokenizer ? "tokens" : "words"));
  std::vector<std::vector<double>> values;
  for (const auto& run : runs) {
    std::vector<double> sums(columns.size(), 0);
    int64_t counted = 0;
    for (const auto& query : judgements.queries()) {
      std::unordered_set<std::string_view> relevant;
      for (const auto& judgement : query.judged)
        if (judgement.level >= static_cast<double>(options.relevance_level)) relevant.insert(judgement.doc);
      if (relevant.empty()) continue;
      ++counted;
      std::vector<BudgetPassage> ranking;
      if (const auto* docs = run.find(query.id))
        for (size_t i = 0; i < std::min(depth, docs->size()); ++i) {
          const auto& doc = (*docs)[i].doc;
          ranking.push_back({std::max<int64_t>(1, lengths[std::string(doc)]), relevant.contains(doc)});
        }
      const auto recall = recall_by_budget(ranking, static_cast<int64_t>(relevant.size()), options.budget);
      for (size_t i = 0; i < recall.size(); ++i) sums[i] += recall[i];
    }
    for (double& sum : sums) sum /= static_cast<double>(std::max<int64_t>(1, counted));
    values.push_back(sums);
  }
  print_result(options.common, result_json(runs, options.runs, columns, values),
               result_text(runs, options.runs, columns, values));
  return 0;
}

}  // namespace coppice
