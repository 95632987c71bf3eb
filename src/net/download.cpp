#include "net/download.h"

#include <charconv>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

fs::path with_suffix(const fs::path& path, const char* suffix) {
  return path.string() + suffix;
}

// The bytes so far, open for appending.
class PartFile {
 public:
  explicit PartFile(const fs::path& to)
      : path_(with_suffix(to, ".part")), etag_path_(with_suffix(to, ".etag")) {
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (descriptor_ < 0) throw system_error("create", path_.string());
    size_ = ::lseek(descriptor_, 0, SEEK_END);
    if (size_ < 0) throw system_error("seek in", path_.string());
    if (size_ > 0 && fs::exists(etag_path_)) etag_ = read_file(etag_path_);
  }
  ~PartFile() { ::close(descriptor_); }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  int64_t size() const { return size_; }
  const fs::path& path() const { return path_; }
  const std::string& etag() const { return etag_; }

  void append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw system_error("write", path_.string());
      size_ += written;
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }

  void clear() {
    if (::ftruncate(descriptor_, 0) != 0) throw system_error("truncate", path_.string());
    size_ = 0;
    set_etag("");
  }

  void set_etag(const std::string& etag) {
    if (etag == etag_) return;
    etag_ = etag;
    write_file(etag_path_, etag);
  }

  void commit(const fs::path& to) {
    if (::fsync(descriptor_) != 0) throw system_error("flush", path_.string());
    if (::rename(path_.c_str(), to.c_str()) != 0) throw system_error("rename to", to.string());
    std::error_code ignored;
    fs::remove(etag_path_, ignored);
  }

 private:
  fs::path path_, etag_path_;
  std::string etag_;
  int64_t size_ = 0;
  int descriptor_ = -1;
};

// A tag that promises the same bytes, which a weak one (W/"…") does not (RFC 9110, 13.1.5).
bool is_strong(const std::string& etag) {
  return etag.size() >= 2 && etag.front() == '"' && etag.back() == '"';
}

struct ContentRange {
  int64_t first = -1, total = -1;  // total -1: not told
};

// "bytes 5-9/10"; first -1 if it is not of that form.
ContentRange parse_content_range(std::string_view text) {
  ContentRange range;
  if (!text.starts_with("bytes ")) return range;
  text = trim(text.substr(6));
  const size_t dash = text.find('-'), slash = text.find('/');
  if (dash == text.npos || slash == text.npos || slash < dash) return range;
  const auto number = [](std::string_view digits, int64_t& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() && value >= 0;
  };
  int64_t first = -1, total = -1;
  if (!number(text.substr(0, dash), first)) return range;
  if (const auto rest = text.substr(slash + 1); rest != "*" && !number(rest, total)) return range;
  return {first, total};
}

// One attempt's view of the response: decides with the first byte where the body belongs.
class Attempt {
 public:
  Attempt(const Download& download, PartFile& part, const DownloadHooks& hooks)
      : download_(download), part_(part), hooks_(hooks), start_(part.size()) {}

  // The response began elsewhere than asked for, so that the part is of no use and the body was left.
  bool misplaced() const { return misplaced_; }
  bool too_long() const { return too_long_; }

  void take(const HttpResponse& head, std::string_view bytes) {
    if (!begun_) begin(head);
    if (misplaced_ || too_long_) throw Stop{};
    if (download_.size && part_.size() + static_cast<int64_t>(bytes.size()) > *download_.size) {
      too_long_ = true;
      throw Stop{};
    }
    part_.append(bytes);
    if (hooks_.advance) hooks_.advance(static_cast<int64_t>(bytes.size()));
  }

  // Thrown out of a transfer that is of no use any more.
  struct Stop {};

 private:
  void begin(const HttpResponse& head) {
    begun_ = true;
    const std::string etag = head.header("etag");
    if (head.status == 206) {
      const ContentRange range = parse_content_range(head.header("content-range"));
      const bool same_size = !download_.size || range.total < 0 || range.total == *download_.size;
      const bool same_file = part_.etag().empty() || etag.empty() || etag == part_.etag();
      misplaced_ = range.first != start_ || !same_size || !same_file;
      if (misplaced_) return;
    } else if (start_ > 0) {
      if (hooks_.advance) hooks_.advance(-part_.size());
      part_.clear();  // the server sends all of it
    }
    part_.set_etag(etag);
  }

  const Download& download_;
  PartFile& part_;
  const DownloadHooks& hooks_;
  int64_t start_;
  bool begun_ = false, misplaced_ = false, too_long_ = false;
};

HttpRequest request_for(const Download& download, const PartFile& part) {
  HttpRequest request = {.url = download.url, .token = download.token};
  if (part.size() == 0) return request;
  request.headers.push_back(fmt::format("Range: bytes={}-", part.size()));
  if (is_strong(part.etag())) request.headers.push_back("If-Range: " + part.etag());
  return request;
}

// What is wrong with the complete part, or empty.
std::string fault_of(const Download& download, const PartFile& part) {
  if (download.size && part.size() != *download.size)
    return fmt::format("{} bytes instead of {}", part.size(), *download.size);
  return mismatch(part.path(), download.digest);
}

}  // namespace

int64_t bytes_at_hand(const Download& download) {
  std::error_code code;
  const auto size = fs::file_size(with_suffix(download.to, ".part"), code);
  return code ? 0 : static_cast<int64_t>(size);
}

void fetch_file(HttpClient& client, const Download& download, const RetryPolicy& policy,
                const DownloadHooks& hooks) {
  PartFile part(download.to);
  Retries retries(policy, download.name);
  bool restarted = false;  // because of wrong content
  const auto start_again = [&] {
    if (hooks.advance) hooks.advance(-part.size());
    part.clear();
  };
  const auto wrong = [&](const std::string& found) {
    start_again();
    if (restarted)
      throw Error(
          {.where = download.name,
           .found = "the server sent " + found + ", twice",
           .advice =
               "the file is damaged there, or something on the way changes it; nothing of it was kept"});
    restarted = true;
    log_warning("{}: {}; fetching it again", download.name, found);
  };
  if (download.size && part.size() > *download.size) start_again();

  for (int misplaced = 0;;) {
    const bool complete =
        download.size && part.size() == *download.size && (part.size() > 0 || *download.size == 0);
    bool grew = false;  // by a part that was asked for
    if (!complete) {
      const int64_t before = part.size();
      Attempt attempt(download, part, hooks);
      HttpResponse response;
      try {
        response =
            client.get(request_for(download, part),
                       [&](const HttpResponse& head, std::string_view bytes) { attempt.take(head, bytes); });
      } catch (const Attempt::Stop&) {
        if (attempt.too_long()) {
          wrong(fmt::format("more than {} bytes", *download.size));
        } else {
          COPPICE_CHECK(attempt.misplaced());
          if (++misplaced > 2)
            throw Error({.where = download.name, .found = "parts other than asked for from the server"});
          start_again();
        }
        continue;
      }
      retries.reached(part.size());
      if (response.broken.empty() && response.status == 416 && part.size() > 0) {
        start_again();  // the server has fewer bytes than we
        if (++misplaced > 2) throw hooks.refused(response);
        continue;
      }
      if (!response.ok()) {
        if (retries.again(response)) continue;
        throw hooks.refused(response);
      }
      grew = response.status == 206 && part.size() > before;
    }
    // A server may answer a range in several parts, as long as each brings something.
    if (grew && download.size && part.size() < *download.size) continue;
    const std::string fault = fault_of(download, part);
    if (fault.empty()) break;
    wrong(fault);
  }
  part.commit(download.to);
}

}  // namespace coppice
