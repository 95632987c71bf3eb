#pragma once
// HTTP GET over libcurl (RFC 9110), for files of many gigabytes from a hub.
//
// Redirects are followed here and not by libcurl, because the rule for the token is ours: it goes to the
// origin (scheme, host and port) of the address that was asked for and to no other, and once a chain of
// redirects has left that origin, not even back to it. A redirect from https to http is refused.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coppice {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers = {};  // "Range: bytes=5-"
  std::string token = "";                 // sent as a bearer token; empty: none
};

struct HttpResponse {
  int status = 0;                              // 0 if no complete head came
  std::map<std::string, std::string> headers;  // of the last hop; names in lower case
  std::string host;                            // "https://host:port" of the last hop, without path or query
  bool left_origin = false;                    // redirected away from the origin of the request
  std::string body;                            // of a response that is no 2xx: its beginning
  int64_t retry_after = 0;                     // seconds that the server asks to wait
  std::string broken;        // how the connection failed, or empty if the response is complete
  bool may_recover = false;  // a broken connection that may work next time

  bool ok() const { return broken.empty() && status >= 200 && status < 300; }
  // The header's value, or empty.
  std::string header(const std::string& name) const;
  // What went wrong, in words: "HTTP 503" or what libcurl says of the connection.
  std::string failure() const;
};

// Called with every piece of the body of a 2xx response, in order; `head` has status and headers. It may
// throw.
using HttpSink = std::function<void(const HttpResponse& head, std::string_view bytes)>;

// Keeps connections open between requests. Not for several threads at once.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Failures of server or network are in the response; only what `sink` throws is thrown, and Errors for an
  // address that cannot be asked (usage) and for redirects that are endless or lead where they must not
  // (input).
  HttpResponse get(const HttpRequest& request, const HttpSink& sink);

 private:
  struct Transfer;
  std::unique_ptr<Transfer> transfer_;
};

// "https://host:port" of an http or https address, the port always named; an Error if it is none or carries a
// user name or password. `where` says who asked.
std::string origin_of(const std::string& url, const std::string& where);

// The text with every byte but A-Z a-z 0-9 - . _ ~ as %XX (RFC 3986), `keep` excepted.
std::string percent_encoded(std::string_view text, std::string_view keep = "");

}  // namespace coppice
