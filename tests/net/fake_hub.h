#pragma once
// A hub with one model, as the Hugging Face Hub API shows it.

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/sha256.h"
#include "net/digest.h"
#include "net/http_server.h"

namespace coppice::test {

inline const std::string some_commit = "0123456789abcdef0123456789abcdef01234567";

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class FakeHub {
 public:
  // Answers in place of the usual answer, if it gives one.
  using Fault = std::function<std::optional<ServerAnswer>(const ServerRequest&)>;

  explicit FakeHub(std::map<std::string, std::string> contents = {{"config.json", "{}"},
                                                                  {"model.safetensors",
                                                                   std::string(50'000, 'w')}})
      : files(std::move(contents)),
        server([this](const ServerRequest& request) { return answer(request); }) {}

  // Weights are in Git LFS, the rest in git.
  Json listing() const {
    Json siblings = Json::array();
    for (const auto& [path, content] : files) {
      Json entry = {
          {"rfilename", path}, {"size", content.size()}, {"blobId", git_blob_id(bytes_of(content))}};
      if (path.ends_with(".safetensors"))
        entry["lfs"] = {
            {"sha256", sha256(bytes_of(content))}, {"size", content.size()}, {"pointerSize", 134}};
      siblings.push_back(entry);
    }
    return {{"id", "org/name"}, {"sha", commit}, {"gated", false}, {"siblings", siblings}};
  }

  std::map<std::string, std::string> files;
  std::string commit = some_commit;
  Fault fault;
  HttpServer server;  // last: it answers from the others

 private:
  ServerAnswer answer(const ServerRequest& request) const {
    if (fault)
      if (auto given = fault(request)) return *given;
    if (request.target.starts_with("/api/models/org/name/revision/")) return {.body = to_line(listing())};
    const std::string prefix = "/org/name/resolve/" + commit + "/";
    if (request.target.starts_with(prefix))
      if (const auto found = files.find(request.target.substr(prefix.size())); found != files.end())
        return serve_ranges(request, found->second);
    return {.status = 404, .headers = {"X-Error-Code: EntryNotFound"}, .body = R"({"error":"not here"})"};
  }
};

}  // namespace coppice::test
