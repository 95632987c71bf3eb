#pragma once
// A model repository of a hub as a directory.
//
// Files are first kept in "<directory>.pulling", each under the name of its content, so that an interrupted
// pull goes on where it stopped even if the branch has moved meanwhile. When all of them are complete they
// are linked into a new directory, which takes its place in one rename.

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"
#include "net/hub.h"

namespace coppice {

// Written into the directory: repository, endpoint, revision and the commit that it was.
inline constexpr const char* pull_record_name = "coppice-pull.json";

struct PullRequest {
  std::string repository;
  std::string revision = "main";
  std::filesystem::path directory;
  bool overwrite = false;
};

struct PullPlan {
  std::string commit;
  FileSelection files;
  int64_t bytes = 0;          // of the wanted files whose size is known
  bool bytes_known = true;    // of all of them
  bool here_already = false;  // the directory holds this commit, complete
};

// Asks the hub; writes nothing.
PullPlan plan_pull(Hub& hub, const PullRequest& request);

struct PullResult {
  int64_t fetched_bytes = 0;  // in this run
  int64_t resumed_bytes = 0;  // at hand from earlier runs
  double seconds = 0;
};

// Fetches what is missing. Errors: the directory exists (unless `overwrite`), another pull is at it, the disk
// has too little room, and what Hub and fetch_file say.
PullResult carry_out_pull(Hub& hub, const PullRequest& request, const PullPlan& plan);

}  // namespace coppice
