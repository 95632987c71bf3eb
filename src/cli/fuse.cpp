#include <iostream>
#include <set>

#include "cli/fuse_options.h"

namespace coppice {

int run_fuse(const FuseOptions& options) {
  std::vector<TrecRun> runs;
  std::set<std::string_view> queries;
  for (const auto& path : options.runs) {
    runs.push_back(TrecRun::read(path));
    for (const auto& query : runs.back().queries()) queries.insert(query.id);
  }
  std::optional<RunWriter> writer;
  if (!options.output.empty()) writer.emplace(options.output, options.tag);
  std::string text;
  int64_t hits = 0;
  for (const auto id : queries) {
    std::vector<std::vector<RunDoc>> lists;
    for (const TrecRun& run : runs) {
      auto& list = lists.emplace_back();
      const TrecRun::Query* query = run.find(id);
      if (query == nullptr) continue;
      list.assign(query->docs.begin(), query->docs.end());
      sort_by_rank(list);
      std::set<std::string_view> seen;
      for (const RunDoc& doc : list)
        if (!seen.insert(doc.doc).second)
          throw Error({.where = run.where(),
                       .found = fmt::format("document '{}' twice for query '{}'", doc.doc, id),
                       .expected = "each once"});
      if (options.depth && list.size() > static_cast<size_t>(*options.depth))
        list.resize(static_cast<size_t>(*options.depth));
    }
    std::vector<RunDoc> docs;
    for (const auto& fused : fuse(lists, options.fusion, static_cast<size_t>(options.k)))
      docs.push_back({fused.doc, fused.score});
    hits += static_cast<int64_t>(docs.size());
    if (writer)
      writer->add(id, docs);
    else if (!options.common.json)
      for (size_t rank = 0; rank < docs.size(); ++rank)
        append_run_line(text, id, docs[rank].doc, rank + 1, docs[rank].score, options.tag);
  }
  if (writer) writer->commit();
  if (options.output.empty() && !options.common.json) {
    std::cout << text;
    return 0;
  }
  const Json json = {{"runs", runs.size()},
                     {"queries", queries.size()},
                     {"hits", hits},
                     {"output", options.output.string()}};
  print_result(options.common, json,
               fmt::format("{} runs, {} queries, {} hits -> {}\n", runs.size(), queries.size(), hits,
                           options.output.string()));
  return 0;
}

}  // namespace coppice
