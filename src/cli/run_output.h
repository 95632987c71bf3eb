#pragma once
// Where the ranked documents of many queries go: into a run, a file or standard output; or with --json, unless a file is
// named, into the printed result, as {"query", "hits": [{"rank", "id", "score"}]}.

#include "cli/verb.h"
#include "format/trec.h"

namespace coppice {

class RunOutput {
 public:
  // An empty path is standard output.
  RunOutput(std::filesystem::path path, std::string tag, const CommonOptions& common);

  // Ranked documents of a query, best first.
  void add(std::string_view query, std::span<const RunDoc> docs);
  int64_t hits() const { return hits_; }

  // Ends the run and prints the result: `json` with the hits or where they are, or `summary`.
  void finish(Json json, const std::string& summary);

 private:
  std::filesystem::path path_;
  std::string tag_, text_;
  const CommonOptions& common_;
  std::optional<RunWriter> writer_;
  Json results_ = Json::array();
  int64_t hits_ = 0;
};

}  // namespace coppice
