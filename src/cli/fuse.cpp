#include <set>

#include "cli/fuse_options.h"
#include "cli/run_output.h"

namespace coppice {

int run_fuse(const FuseOptions& options) {
  std::vector<TrecRun> runs;
  std::set<std::string_view> queries;
  for (const auto& path : options.runs) {
    runs.push_back(TrecRun::read(path));
    for (const auto& query : runs.back().queries()) queries.insert(query.id);
  }
  RunOutput output(options.output, options.tag, options.common);
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
    output.add(id, docs);
  }
  output.finish({{"runs", runs.size()}, {"queries", queries.size()}},
                fmt::format("{} runs, {} queries, {} hits", runs.size(), queries.size(), output.hits()));
  return 0;
}

}  // namespace coppice
