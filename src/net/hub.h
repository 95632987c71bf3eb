#pragma once
// A hub that speaks the Hugging Face Hub API: what a model repository holds, and where to get it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/digest.h"
#include "net/http.h"
#include "net/retry.h"

namespace coppice {

// A usage Error unless `name` is ORG/NAME (base/hub_name.h).
void check_repository_name(const std::string& name, const std::string& where);

// The endpoint to ask: `given`, else COPPICE_HUB_ENDPOINT, else HF_ENDPOINT, else https://huggingface.co;
// checked, and without a final slash.
std::string hub_endpoint(const std::string& given);

struct HubToken {
  std::string text;    // empty: none
  std::string source;  // "HF_TOKEN" or the file that it is from
};

// HF_TOKEN, else HUGGING_FACE_HUB_TOKEN, else the file that HF_TOKEN_PATH names or that the hub's own tools
// write
// ($HF_HOME/token, by default ~/.cache/huggingface/token). Words with white space or control characters are
// refused.
HubToken hub_token();

struct HubFile {
  std::string path;             // relative, with '/', and safe to append to a directory
  std::optional<int64_t> size;  // bytes
  ContentDigest digest;
};

struct HubListing {
  std::string commit;  // 40 hexadecimal digits, to which `files` belong
  std::vector<HubFile> files;
};

// Reads the answer of /api/models/ORG/NAME/revision/REV?blobs=true. An Error if it is none, or if a path
// could lead out of a directory ("..", absolute, NUL, '\', …) or occurs twice.
HubListing parse_hub_listing(std::string_view text, const std::string& where);

struct FileSelection {
  std::vector<HubFile> wanted;
  std::vector<std::string> left_out;  // paths
  bool weights = false;               // there are safetensors among `wanted`
};

// The files of a model that Coppice reads or its user should: safetensors, json, txt, jinja, md,
// sentencepiece's .model, licences. Never pickles. An Error if pickles are the only weights; `where` names
// the repository.
FileSelection select_model_files(const HubListing& listing, const std::string& where);

class Hub {
 public:
  Hub(std::string endpoint, HubToken token, RetryPolicy policy);

  const std::string& endpoint() const { return endpoint_; }
  HttpClient& client() { return client_; }
  const RetryPolicy& policy() const { return policy_; }
  const HubToken& token() const { return token_; }

  // `revision` is a branch, a tag or a commit.
  HubListing list(const std::string& repository, const std::string& revision);
  std::string file_url(const std::string& repository, const std::string& commit,
                       const std::string& path) const;

  // What a final refusal means and what to do about it. `what` names the thing that was asked for.
  Error refusal(const std::string& repository, const std::string& revision, const std::string& what,
                const HttpResponse& response) const;

 private:
  std::string endpoint_;
  HubToken token_;
  RetryPolicy policy_;
  HttpClient client_;
};

}  // namespace coppice
