#include "net/pull.h"

#include <set>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/progress.h"
#include "base/sha256.h"
#include "net/download.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

fs::path without_final_slash(const fs::path& path) {
  const fs::path normal = path.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

// Keeps two pulls from writing the same files; the lock goes with the process.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) {
    const fs::path path = folder / "lock";
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) throw system_error("create", path.string());
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(descriptor_);
    throw Error({.where = folder.string(),
                 .found = "another coppice pull is writing here",
                 .advice = "wait for it, or choose another -o"});
  }
  ~FolderLock() { ::close(descriptor_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

// The name of a file's content. Where the hub tells no digest, only the same path of the same commit is
// surely the same.
std::string content_name(const HubFile& file, const std::string& commit) {
  if (!file.digest.sha256.empty()) return "sha256-" + file.digest.sha256;
  if (!file.digest.git_blob.empty()) return "git-" + file.digest.git_blob;
  const std::string place = commit + "/" + file.path;
  return "at-" + sha256(std::as_bytes(std::span(place.data(), place.size())));
}

std::vector<Download> downloads_of(const Hub& hub, const PullRequest& request, const PullPlan& plan,
                                   const fs::path& folder) {
  std::vector<Download> downloads;
  for (const auto& file : plan.files.wanted)
    downloads.push_back({.name = request.repository + "/" + file.path,
                         .url = hub.file_url(request.repository, plan.commit, file.path),
                         .token = hub.token().text,
                         .size = file.size,
                         .digest = file.digest,
                         .to = folder / content_name(file, plan.commit)});
  return downloads;
}

// A file is given its final name only when it was complete and right.
bool is_complete(const Download& download) {
  std::error_code code;
  const auto size = fs::file_size(download.to, code);
  return !code && (!download.size || static_cast<int64_t>(size) == *download.size);
}

// Bytes of the file that are on disk, complete or not.
int64_t bytes_here(const Download& download) {
  std::error_code code;
  const auto size = fs::file_size(download.to, code);
  return code ? bytes_at_hand(download) : static_cast<int64_t>(size);
}

void check_room(const fs::path& folder, int64_t needed) {
  std::error_code code;
  const auto space = fs::space(folder, code);
  if (code || needed <= 0 || static_cast<uint64_t>(needed) <= space.available) return;
  throw Error(
      {.where = folder.string(),
       .found = fmt::format("{} free", human_bytes(static_cast<double>(space.available))),
       .expected = fmt::format("{} for what is still to fetch", human_bytes(static_cast<double>(needed))),
       .advice = "free some space, or choose -o on another disk"},
      Fault::resource);
}

// Puts the content under its path, without a second copy where the file system has hard links.
void place(const fs::path& content, const fs::path& path) {
  fs::create_directories(path.parent_path());
  if (::link(content.c_str(), path.c_str()) == 0) return;
  if (errno == ENOSPC || errno == EACCES || errno == EEXIST) throw system_error("create", path.string());
  fs::copy_file(content, path);
}

Json record_of(const Hub& hub, const PullRequest& request, const PullPlan& plan) {
  return {{"repository", request.repository},
          {"endpoint", hub.endpoint()},
          {"revision", request.revision},
          {"commit", plan.commit}};
}

// The directory was pulled from this commit and has all its files in their sizes.
bool holds(const PullRequest& request, const PullPlan& plan) {
  const fs::path record = request.directory / pull_record_name;
  std::error_code code;
  if (!fs::is_regular_file(record, code)) return false;
  try {
    const Json json = read_json_file(record);
    if (!json.is_object() || json.value("repository", "") != request.repository ||
        json.value("commit", "") != plan.commit)
      return false;
  } catch (const std::exception&) {
    return false;
  }
  for (const auto& file : plan.files.wanted) {
    const auto size = fs::file_size(request.directory / file.path, code);
    if (code || (file.size && static_cast<int64_t>(size) != *file.size)) return false;
  }
  return true;
}

}  // namespace

PullPlan plan_pull(Hub& hub, const PullRequest& request) {
  const HubListing listing = hub.list(request.repository, request.revision);
  PullPlan plan = {.commit = listing.commit, .files = select_model_files(listing, request.repository)};
  // Ours takes its place.
  std::erase_if(plan.files.wanted, [](const HubFile& file) { return file.path == pull_record_name; });
  constexpr int64_t most = int64_t{1} << 61;
  for (const auto& file : plan.files.wanted) {
    if (!file.size) plan.bytes_known = false;
    plan.bytes += std::min(file.size.value_or(0), most - plan.bytes);
  }
  plan.here_already = holds(request, plan);
  return plan;
}

PullResult carry_out_pull(Hub& hub, const PullRequest& request, const PullPlan& plan) {
  const fs::path directory = without_final_slash(request.directory);
  if (fs::exists(directory) && !request.overwrite)
    throw Error({.where = directory.string(),
                 .found = "exists already",
                 .advice = "choose another -o or add --overwrite"});
  const fs::path folder = directory.string() + ".pulling";
  std::error_code code;
  fs::create_directories(folder, code);
  if (code)
    throw Error(
        {.where = folder.string(), .found = fmt::format("cannot create directory: {}", code.message())});
  const FolderLock lock(folder);

  const auto downloads = downloads_of(hub, request, plan, folder);
  PullResult result;
  int64_t needed = 0;
  std::set<fs::path> counted;  // two paths may have one content
  for (const auto& download : downloads) {
    if (!counted.insert(download.to).second) continue;
    const int64_t here = bytes_here(download);
    result.resumed_bytes += here;
    if (download.size) needed += std::max<int64_t>(0, *download.size - here);
  }
  check_room(folder, needed);

  Progress progress("pull " + request.repository, plan.bytes_known ? result.resumed_bytes + needed : 0,
                    "bytes");
  progress.already(result.resumed_bytes);
  for (size_t i = 0; i < downloads.size(); ++i) {
    if (is_complete(downloads[i])) continue;
    const std::string note = fmt::format("file {}/{} {}", i + 1, downloads.size(), plan.files.wanted[i].path);
    DownloadHooks hooks;
    hooks.advance = [&](int64_t bytes) {
      result.fetched_bytes += std::max<int64_t>(0, bytes);
      progress.advance(bytes, note);
    };
    hooks.refused = [&](const HttpResponse& response) {
      return hub.refusal(request.repository, request.revision, plan.files.wanted[i].path, response);
    };
    fetch_file(hub.client(), downloads[i], hub.policy(), hooks);
  }
  result.seconds = progress.seconds();

  AtomicDirectory made(directory, request.overwrite);
  for (size_t i = 0; i < downloads.size(); ++i)
    place(downloads[i].to, made.path() / plan.files.wanted[i].path);
  write_file(made.path() / pull_record_name, to_text(record_of(hub, request, plan)));
  made.commit();
  fs::remove_all(folder, code);
  return result;
}

}  // namespace coppice
