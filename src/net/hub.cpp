#include "net/hub.h"

#include <algorithm>
#include <cstdlib>

#include "base/file.h"
#include "base/hub_name.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/strings.h"

namespace coppice {
namespace {

namespace fs = std::filesystem;

constexpr const char* public_hub = "https://huggingface.co";
constexpr size_t max_listing_bytes = 32 << 20;
constexpr size_t max_token_bytes = 4096;

// An environment variable, empty if it is not set.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path token_file() {
  if (const auto path = environment("HF_TOKEN_PATH"); !path.empty()) return path;
  if (const auto home = environment("HF_HOME"); !home.empty()) return fs::path(home) / "token";
  if (const auto cache = environment("XDG_CACHE_HOME"); !cache.empty())
    return fs::path(cache) / "huggingface/token";
  if (const auto home = environment("HOME"); !home.empty())
    return fs::path(home) / ".cache/huggingface/token";
  return {};
}

HubToken checked_token(std::string_view text, const std::string& source) {
  text = trim(text);
  const bool plain = text.size() <= max_token_bytes &&
                     std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (!plain)  // and could end the header that carries it
    throw Error(
        {.where = source, .found = "a token with blanks or other odd characters", .expected = "one word"},
        Fault::usage);
  return {std::string(text), source};
}

// The hub's own words on a refusal: the header, or "error" in a JSON body.
std::string servers_words(const HttpResponse& response) {
  std::string words = response.header("x-error-message");
  if (words.empty()) {
    try {
      const Json json = parse_json(response.body, "");
      if (json.is_object() && json.contains("error") && json["error"].is_string())
        words = json["error"].get<std::string>();
    } catch (const Error&) {  // some page of HTML
    }
  }
  return words.substr(0, 300);
}

}  // namespace

void check_repository_name(const std::string& name, const std::string& where) {
  if (is_hub_name(name)) return;
  throw Error({.where = where,
               .found = fmt::format("'{}'", name.substr(0, 200)),
               .expected = "ORG/NAME, as the address of the model's page ends"},
              Fault::usage);
}

std::string hub_endpoint(const std::string& given) {
  std::string endpoint = given, where = "--endpoint";
  for (const char* name : {"COPPICE_HUB_ENDPOINT", "HF_ENDPOINT"})
    if (endpoint.empty()) {
      endpoint = environment(name);
      where = name;
    }
  if (endpoint.empty()) return public_hub;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  origin_of(endpoint, where);
  if (endpoint.find_first_of("?#") != endpoint.npos)
    throw Error({.where = where, .found = endpoint, .expected = "an address without '?' and '#'"},
                Fault::usage);
  return endpoint;
}

HubToken hub_token() {
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"})
    if (const auto text = environment(name); !trim(text).empty()) return checked_token(text, name);
  const fs::path path = token_file();
  std::error_code code;
  if (path.empty() || !fs::is_regular_file(path, code)) return {};
  const std::string text = read_file(path);
  return trim(text).empty() ? HubToken{} : checked_token(text, path.string());
}

Hub::Hub(std::string endpoint, HubToken token, RetryPolicy policy)
    : endpoint_(std::move(endpoint)), token_(std::move(token)), policy_(std::move(policy)) {}

HubListing Hub::list(const std::string& repository, const std::string& revision) {
  const HttpRequest request = {.url = fmt::format("{}/api/models/{}/revision/{}?blobs=true", endpoint_,
                                                  repository, percent_encoded(revision)),
                               .headers = {"Accept: application/json"},
                               .token = token_.text};
  for (Retries retries(policy_, repository);;) {
    std::string text;
    const HttpResponse response = client_.get(request, [&](const HttpResponse&, std::string_view bytes) {
      if (text.size() + bytes.size() > max_listing_bytes)
        throw Error({.where = endpoint_,
                     .found = fmt::format("a listing of {} of more than {}", repository,
                                          human_bytes(max_listing_bytes))});
      text += bytes;
    });
    if (response.ok()) return parse_hub_listing(text, endpoint_ + ": listing of " + repository);
    if (!retries.again(response)) throw refusal(repository, revision, "the listing", response);
  }
}

std::string Hub::file_url(const std::string& repository, const std::string& commit,
                          const std::string& path) const {
  return fmt::format("{}/{}/resolve/{}/{}", endpoint_, repository, commit, percent_encoded(path, "/"));
}

Error Hub::refusal(const std::string& repository, const std::string& revision, const std::string& what,
                   const HttpResponse& response) const {
  const std::string code = response.header("x-error-code"), words = servers_words(response);
  const std::string page = endpoint_ + "/" + repository;
  const std::string said = words.empty() ? "" : fmt::format(" (\"{}\")", words);
  Complaint complaint = {.where = repository,
                         .found = fmt::format("{} for {}{}", response.failure(), what, said)};
  if (is_transient(response)) {
    complaint.where = fmt::format("{} from {}", repository, response.host);
    complaint.advice =
        response.retry_after > policy_.longest_wait
            ? fmt::format(
                  "the server asks to wait for {}; the same command then goes on where this one stopped",
                  human_duration(static_cast<double>(response.retry_after)))
            : "the same command, run again later, goes on where this one stopped";
    return Error(complaint, Fault::resource);
  }
  if (!response.broken.empty() || response.left_origin) {
    complaint.where = fmt::format("{} from {}", repository, response.host);
    return Error(complaint);
  }
  if (code == "GatedRepo" || response.status == 403) {
    complaint.expected = "access";
    complaint.advice = token_.text.empty() ? fmt::format(
                                                 "the model is gated or private: ask for access on {}, then "
                                                 "set HF_TOKEN to a token of yours",
                                                 page)
                                           : fmt::format(
                                                 "the model is gated or private: ask for access on {} as the "
                                                 "owner of the token from {}, and let the token read it",
                                                 page, token_.source);
  } else if (code == "RevisionNotFound") {
    complaint.found = fmt::format("no revision '{}'{}", revision, said);
    complaint.advice = fmt::format("see the branches and tags on {}/tree/main", page);
  } else if (response.status == 401 && !token_.text.empty() && code != "RepoNotFound") {
    complaint.expected = "a token that is accepted";
    complaint.advice = fmt::format("the token from {} is wrong or has expired", token_.source);
  } else if (response.status == 401 || response.status == 404) {
    complaint.advice =
        fmt::format("is the name right? See {}. ", page) +
        (token_.text.empty()
             ? "If the model is private, set HF_TOKEN to a token of yours"
             : fmt::format("If it is private, the token from {} must be of an account that may read it",
                           token_.source));
  }
  return Error(complaint);
}

}  // namespace coppice
