#pragma once
// A small HTTP/1.1 server on the loopback interface, one connection at a time, that answers as a test tells
// it: well, wrongly or not to the end.

#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"

namespace coppice::test {

struct ServerRequest {
  std::string target;                          // "/api/models/a/b?x=y"
  std::map<std::string, std::string> headers;  // names in lower case
  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct ServerAnswer {
  int status = 200;
  std::vector<std::string> headers = {};  // Content-Length is added unless one is here
  std::string body = "";
  size_t cut_after = std::string::npos;  // bytes of the body after which the connection breaks
  bool hang = false;                     // having sent these, waits for the client to go away
};

class HttpServer {
 public:
  using Handler = std::function<ServerAnswer(const ServerRequest&)>;

  explicit HttpServer(Handler handler) : handler_(std::move(handler)) {
    ::setenv("no_proxy", "127.0.0.1", 1);  // whatever proxy the machine has
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    const bool open = listener_ >= 0 && ::bind(listener_, generic, size) == 0 &&
                      ::listen(listener_, 16) == 0 && ::getsockname(listener_, generic, &size) == 0;
    COPPICE_CHECK(open, "a port on the loopback interface");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  std::vector<ServerRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // The requests whose target ends so.
  std::vector<ServerRequest> requests(const std::string& ending) const {
    std::vector<ServerRequest> found;
    for (const auto& request : requests())
      if (request.target.ends_with(ending)) found.push_back(request);
    return found;
  }

 private:
  void serve() {
    while (!stopping_) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) continue;
      answer(connection);
      ::close(connection);
    }
  }

  void answer(int connection) {
    std::string head;
    char byte = 0;
    while (!head.ends_with("\r\n\r\n")) {
      if (::recv(connection, &byte, 1, 0) != 1) return;
      head += byte;
    }
    const ServerRequest request = parse(head);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const ServerAnswer answer = handler_(request);
    std::string text = fmt::format("HTTP/1.1 {} Status\r\nConnection: close\r\n", answer.status);
    bool sized = false;
    for (const auto& line : answer.headers) {
      text += line + "\r\n";
      sized = sized || line.starts_with("Content-Length:") || line.starts_with("Transfer-Encoding:");
    }
    if (!sized) text += fmt::format("Content-Length: {}\r\n", answer.body.size());
    text += "\r\n" + answer.body.substr(0, answer.cut_after);
    for (size_t sent = 0; sent < text.size();) {
      const ssize_t n = ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<size_t>(n);
    }
    if (answer.hang)
      while (::recv(connection, &byte, 1, 0) == 1) {
      }
    else if (answer.cut_after < answer.body.size())
      return;
    ::shutdown(connection, SHUT_WR);
    while (::recv(connection, &byte, 1, 0) == 1) {
    }
  }

  static ServerRequest parse(const std::string& head) {
    ServerRequest request;
    const auto lines = split(head, '\n');
    request.target = split(lines[0], ' ').at(1);
    for (const auto& line : lines)
      if (const size_t colon = line.find(": "); colon != line.npos) {
        std::string name = line.substr(0, colon);
        for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        request.headers[name] = trim(line.substr(colon + 2));
      }
    return request;
  }

  Handler handler_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<ServerRequest> requests_;
  std::thread thread_;
};

// The file as a good server gives it: whole, or from where the Range says if the If-Range matches.
inline ServerAnswer serve_ranges(const ServerRequest& request, const std::string& content,
                                 const std::string& etag = "\"v1\"") {
  ServerAnswer answer;
  if (!etag.empty()) answer.headers.push_back("ETag: " + etag);
  const std::string range = request.header("range"), condition = request.header("if-range");
  if (!range.starts_with("bytes=") || (!condition.empty() && condition != etag)) {
    answer.body = content;
    return answer;
  }
  const size_t first = std::stoul(range.substr(6));
  if (first >= content.size()) {
    answer.status = 416;
    return answer;
  }
  answer.status = 206;
  answer.headers.push_back(
      fmt::format("Content-Range: bytes {}-{}/{}", first, content.size() - 1, content.size()));
  answer.body = content.substr(first);
  return answer;
}

}  // namespace coppice::test
