#pragma once
// One file from a server to disk, resumed where an earlier attempt or an earlier run stopped.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "net/digest.h"
#include "net/http.h"
#include "net/retry.h"

namespace coppice {

struct Download {
  std::string name;  // for messages
  std::string url, token;
  std::optional<int64_t> size;  // bytes, if known; never is more than that written
  ContentDigest digest;
  // The bytes so far are in "<to>.part" and the ETag that they came with in "<to>.etag"; `to` itself appears,
  // in one rename, when size and digest are right.
  std::filesystem::path to;
};

struct DownloadHooks {
  std::function<void(int64_t bytes)> advance;                  // bytes written, negative if thrown away
  std::function<Error(const HttpResponse& response)> refused;  // how to tell that the server will not
};

// Bytes of "<to>.part" that a download would build on.
int64_t bytes_at_hand(const Download& download);

// Asks for the missing bytes by Range, with If-Range where a strong ETag is known. A server that answers with
// the whole file, with another part than asked for, or with another ETag makes it begin afresh; so does,
// once, a wrong length or digest. Errors: what `refused` makes of a final refusal; wrong content; a full disk
// (resource).
void fetch_file(HttpClient& client, const Download& download, const RetryPolicy& policy,
                const DownloadHooks& hooks);

}  // namespace coppice
