#include "cli/index_check_options.h"
#include "format/collection/collection_files.h"
#include "index/check/collection_check.h"

namespace coppice {
namespace {

CheckRequest request_of(const IndexCheckOptions& options) {
  CheckRequest request;
  request.source = options.source;
  request.options.format = options.format;
  request.options.id_field = options.id_field;
  request.options.text_fields = options.text_field;
  request.options.header = options.header;
  request.options.quotes = options.quotes;
  request.analyzer = analyzer_preset(options.analyzer);
  request.queries = options.queries;
  request.judgements = options.qrels;
  request.topic_part = options.topic_part;
  if (std::filesystem::is_directory(options.source)) {
    const auto& folder = options.source;
    if (request.queries.empty()) request.queries = find_packed(folder, "queries.jsonl");
    if (request.judgements.empty() && std::filesystem::exists(folder / "qrels/test.tsv"))
      request.judgements = folder / "qrels/test.tsv";
  }
  return request;
}

std::string text_of(const CollectionCheck& check) {
  std::string text = fmt::format("{} documents, {} queries, {} judgements of {} queries\n", check.documents,
                                 check.queries, check.judgements, check.judged_queries);
  for (const auto& finding : check.findings) {
    text += finding.wrong ? "wrong: " : "note: ";
    text += finding.kind == "script" ? finding.text : fmt::format("{} {}", finding.count, finding.text);
    text += '\n';
    for (const auto& example : finding.examples) text += "  " + example + "\n";
  }
  if (check.findings.empty()) text += "nothing is wrong with them\n";
  return text;
}

Json json_of(const CollectionCheck& check) {
  Json json = {
      {"ok", !check.wrong()},           {"documents", check.documents},           {"queries", check.queries},
      {"judgements", check.judgements}, {"judged_queries", check.judged_queries}, {"scripts", Json::object()},
      {"findings", Json::array()}};
  for (const auto& [script, share] : check.scripts) json["scripts"][script] = share;
  for (const auto& finding : check.findings)
    json["findings"].push_back({{"kind", finding.kind},
                                {"text", finding.text},
                                {"wrong", finding.wrong},
                                {"count", finding.count},
                                {"examples", finding.examples}});
  return json;
}

}  // namespace

int run_index_check(const IndexCheckOptions& options) {
  const auto check = check_collection(request_of(options));
  print_result(options.common, json_of(check), text_of(check));
  return check.wrong() ? static_cast<int>(Fault::input) : 0;
}

}  // namespace coppice
