#include "net/http.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <exception>
#include <utility>

#include <curl/curl.h>

#include "base/error.h"
#include "base/strings.h"

namespace coppice {
namespace {

constexpr int max_redirects = 10;
constexpr size_t max_header_lines = 256;
constexpr size_t max_header_bytes = 16 << 10;  // of one line
constexpr size_t max_error_body = 64 << 10;
constexpr long connect_seconds = 30;
constexpr long stall_seconds = 60;  // a transfer that brings nothing for so long has failed

void start_libcurl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  COPPICE_CHECK(started == CURLE_OK, "libcurl starts");
}

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

// What may work if tried again: the network and the server's haste, not the address or the certificate.
bool recovers(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

// Certificates that the user's environment names, as other tools take them.
const char* own_certificates() {
  for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"})
    if (const char* path = std::getenv(name); path != nullptr && *path != '\0') return path;
  return nullptr;
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// libcurl's list of headers.
struct HeaderList {
  curl_slist* first = nullptr;
  ~HeaderList() { curl_slist_free_all(first); }
  void add(const std::string& line) {
    curl_slist* longer = curl_slist_append(first, line.c_str());
    COPPICE_CHECK(longer != nullptr, "memory for a header");
    first = longer;
  }
};

}  // namespace

std::string HttpResponse::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::string HttpResponse::failure() const {
  return broken.empty() ? fmt::format("HTTP {}", status) : broken;
}

std::string origin_of(const std::string& url, const std::string& where) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parts(curl_url(), curl_url_cleanup);
  const auto refuse = [&](const std::string& found, const std::string& advice = "") {
    return Error({.where = where, .found = found, .expected = "an http or https address", .advice = advice},
                 Fault::usage);
  };
  if (curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    throw refuse(fmt::format("'{}'", url.substr(0, 200)));
  const std::string scheme = part_of(parts.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") throw refuse(fmt::format("the scheme '{}'", scheme));
  if (!part_of(parts.get(), CURLUPART_USER).empty() || !part_of(parts.get(), CURLUPART_PASSWORD).empty())
    throw refuse("an address with a user name or password", "put a token into HF_TOKEN");
  std::string host = part_of(parts.get(), CURLUPART_HOST);
  std::transform(host.begin(), host.end(), host.begin(), [](unsigned char c) { return std::tolower(c); });
  return fmt::format("{}://{}:{}", scheme, host, part_of(parts.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

std::string percent_encoded(std::string_view text, std::string_view keep) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        (byte < 0x80 && std::isalnum(byte)) || std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain || keep.find(c) != keep.npos)
      out += c;
    else
      out += fmt::format("%{:02X}", byte);
  }
  return out;
}

// One hop at a time: libcurl's handle and what its callbacks fill.
struct HttpClient::Transfer {
  CURL* curl;
  HttpResponse response;
  const HttpSink* sink = nullptr;
  std::exception_ptr thrown;  // by the sink; not through libcurl, which is C
  size_t header_lines = 0;
  char message[CURL_ERROR_SIZE] = {};

  Transfer() {
    start_libcurl();
    curl = curl_easy_init();
    COPPICE_CHECK(curl != nullptr, "memory for libcurl");
  }
  ~Transfer() { curl_easy_cleanup(curl); }

  template <class Value>
  void set(CURLoption option, Value value) {
    COPPICE_CHECK(curl_easy_setopt(curl, option, value) == CURLE_OK, "an option that libcurl knows");
  }

  static size_t on_header(char* data, size_t, size_t size, void* self) {
    return static_cast<Transfer*>(self)->take_header({data, size}) ? size : 0;
  }
  static size_t on_body(char* data, size_t, size_t size, void* self) {
    return static_cast<Transfer*>(self)->take_body({data, size}) ? size : 0;
  }

  bool take_header(std::string_view line) {
    try {
      if (line.size() > max_header_bytes || ++header_lines > max_header_lines)
        throw Error({.where = response.host, .found = "a response with far too many headers"});
      if (line.starts_with("HTTP/")) {  // a new head, perhaps after an interim 1xx or a proxy's
        response.headers.clear();
        return true;
      }
      const size_t colon = line.find(':');
      if (colon == line.npos) return true;
      std::string name(trim(line.substr(0, colon)));
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      response.headers[name] = trim(line.substr(colon + 1));
      return true;
    } catch (...) {
      thrown = std::current_exception();
      return false;
    }
  }

  bool take_body(std::string_view bytes) {
    try {
      long status = 0;
      curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
      response.status = static_cast<int>(status);
      if (response.status >= 200 && response.status < 300) {
        (*sink)(response, bytes);
        return true;
      }
      response.body += bytes.substr(0, max_error_body - response.body.size());
      return response.body.size() < max_error_body;
    } catch (...) {
      thrown = std::current_exception();
      return false;
    }
  }

  // Asks `url` once, without following a redirect; where one leads to, or empty.
  std::string hop(const std::string& url, const std::vector<std::string>& headers, const std::string& token) {
    curl_easy_reset(curl);  // keeps the connections
    HeaderList list;
    for (const auto& line : headers) list.add(line);
    if (!token.empty()) list.add("Authorization: Bearer " + token);
    message[0] = '\0';
    header_lines = 0;
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTPHEADER, list.first);
    set(CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));  // a proxy does not see the token
    set(CURLOPT_USERAGENT, "coppice");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT, connect_seconds);
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, stall_seconds);
    set(CURLOPT_BUFFERSIZE, 256L << 10);
    set(CURLOPT_ERRORBUFFER, message);
    set(CURLOPT_HEADERFUNCTION, &on_header);
    set(CURLOPT_HEADERDATA, this);
    set(CURLOPT_WRITEFUNCTION, &on_body);
    set(CURLOPT_WRITEDATA, this);
    if (const char* certificates = own_certificates()) set(CURLOPT_CAINFO, certificates);

    const CURLcode code = curl_easy_perform(curl);
    if (thrown) std::rethrow_exception(std::exchange(thrown, nullptr));
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    response.status = static_cast<int>(status);
    const bool error_page_cut = code == CURLE_WRITE_ERROR && response.body.size() >= max_error_body;
    if (code != CURLE_OK && !error_page_cut) {
      response.broken = message[0] != '\0' ? message : curl_easy_strerror(code);
      response.may_recover = recovers(code);
      return "";
    }
    curl_off_t wait = 0;
    curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);  // seconds, also where the server gave a date
    response.retry_after = wait;
    char* target = nullptr;
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &target);
    return is_redirect(response.status) && target != nullptr ? target : "";
  }
};

HttpClient::HttpClient() : transfer_(std::make_unique<Transfer>()) {}
HttpClient::~HttpClient() = default;

HttpResponse HttpClient::get(const HttpRequest& request, const HttpSink& sink) {
  const std::string origin = origin_of(request.url, "address");
  std::string url = request.url;
  bool left = false;
  transfer_->sink = &sink;
  for (int hops = 0; hops <= max_redirects; ++hops) {
    const std::string here = hops == 0 ? origin : origin_of(url, origin + ": redirect");
    left = left || here != origin;
    transfer_->response = {.host = here, .left_origin = left};
    const std::string next = transfer_->hop(url, request.headers, left ? "" : request.token);
    if (next.empty()) return std::move(transfer_->response);
    if (here.starts_with("https:") && !next.starts_with("https:"))
      throw Error({.where = here, .found = "a redirect from https to an address that is not"});
    url = next;
  }
  throw Error({.where = origin, .found = fmt::format("more than {} redirects in a row", max_redirects)});
}

}  // namespace coppice
