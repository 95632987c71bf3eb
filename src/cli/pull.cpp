#include "net/pull.h"

#include "base/log.h"
#include "base/progress.h"
#include "base/strings.h"
#include "base/table.h"
#include "cli/pull_options.h"

namespace coppice {
namespace {

// "path" as one word of a shell.
std::string shell_word(const std::string& path) {
  const bool plain = !path.empty() && path.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-./+,:@%") == path.npos;
  if (plain) return path;
  std::string quoted = "'";
  for (const char c : path) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string size_text(const PullPlan& plan) {
  return (plan.bytes_known ? "" : "at least ") + human_bytes(static_cast<double>(plan.bytes));
}

Json describe_plan(const PullRequest& request, const PullPlan& plan) {
  Json files = Json::array();
  for (const auto& file : plan.files.wanted)
    files.push_back({{"path", file.path}, {"bytes", file.size ? Json(*file.size) : Json()}});
  return {{"repository", request.repository},   {"revision", request.revision}, {"commit", plan.commit},
          {"path", request.directory.string()}, {"bytes", plan.bytes},          {"files", files},
          {"left_out", plan.files.left_out}};
}

std::string plan_in_words(const PullRequest& request, const PullPlan& plan) {
  Table table({"file", "size"});
  for (const auto& file : plan.files.wanted)
    table.add_row({file.path, file.size ? human_bytes(static_cast<double>(*file.size)) : "unknown"});
  return fmt::format("{}\n{} at commit {}: {} in {} files, {} left out\n", table.text(), request.repository,
                     plan.commit, size_text(plan), plan.files.wanted.size(), plan.files.left_out.size());
}

}  // namespace

int run_pull(const PullOptions& options) {
  check_repository_name(options.repository, "coppice pull");
  if (options.revision.empty())
    throw Error({.where = "--revision", .found = "''", .expected = "a branch, tag or commit"}, Fault::usage);
  PullRequest request = {.repository = options.repository,
                         .revision = options.revision,
                         .directory = options.out,
                         .overwrite = options.overwrite};
  if (request.directory.empty()) request.directory = split(options.repository, '/').back();

  Hub hub(hub_endpoint(options.endpoint), hub_token(), {});
  const PullPlan plan = plan_pull(hub, request);
  Json json = describe_plan(request, plan);
  if (options.dry_run) {
    json["dry_run"] = true;
    print_result(options.common, json, plan_in_words(request, plan));
    return 0;
  }
  const std::string next = "coppice info " + shell_word(request.directory.string());
  PullResult result;
  const bool fresh = !plan.here_already || options.overwrite;
  if (fresh) {
    log_info("{} at commit {}: {} in {} files", request.repository, plan.commit, size_text(plan),
             plan.files.wanted.size());
    if (!plan.files.weights)
      log_warning("{} has no safetensors; only its tokenizer and texts are fetched", request.repository);
    result = carry_out_pull(hub, request, plan);
  }
  json["here_already"] = !fresh;
  json["fetched_bytes"] = result.fetched_bytes;
  json["resumed_bytes"] = result.resumed_bytes;
  json["seconds"] = result.seconds;
  json["next"] = next;
  const std::string how =
      fresh ? fmt::format("fetched {} in {}", human_bytes(static_cast<double>(result.fetched_bytes)),
                          human_duration(result.seconds))
            : "was here already, complete";
  print_result(options.common, json,
               fmt::format("{}\n{} at commit {}, {}\nnext: {}\n", request.directory.string(),
                           request.repository, plan.commit, how, next));
  return 0;
}

}  // namespace coppice
