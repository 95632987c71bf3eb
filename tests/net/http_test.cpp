#include "net/http.h"

#include <gmock/gmock.h>

#include "net/http_server.h"
#include "support.h"

namespace coppice {
namespace {

using test::error_of;
using test::HttpServer;
using test::ServerAnswer;
using test::ServerRequest;
using testing::HasSubstr;
using testing::IsEmpty;

struct Got {
  HttpResponse response;
  std::string body;
};

Got get(const std::string& url, const std::string& token = "") {
  HttpClient client;
  Got got;
  got.response = client.get({.url = url, .token = token},
                            [&](const HttpResponse&, std::string_view bytes) { got.body += bytes; });
  return got;
}

TEST(Http, GivesStatusHeadersAndBody) {
  HttpServer server([](const ServerRequest&) {
    return ServerAnswer{.headers = {"X-Some-Thing:  a: b "}, .body = "hello"};
  });
  const Got got = get(server.url() + "/x");
  EXPECT_TRUE(got.response.ok());
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.response.header("x-some-thing"), "a: b");
  EXPECT_EQ(got.response.header("absent"), "");
  EXPECT_EQ(server.requests().at(0).header("authorization"), "");
}

TEST(Http, ABodyOfAnErrorDoesNotReachTheSink) {
  HttpServer server([](const ServerRequest&) { return ServerAnswer{.status = 404, .body = "no such page"}; });
  const Got got = get(server.url());
  EXPECT_EQ(got.response.status, 404);
  EXPECT_THAT(got.body, IsEmpty());
  EXPECT_EQ(got.response.body, "no such page");
}

TEST(Http, AnEndlessErrorPageIsCutAndStillAnError) {
  HttpServer server(
      [](const ServerRequest&) { return ServerAnswer{.status = 500, .body = std::string(1 << 20, 'x')}; });
  const Got got = get(server.url());
  EXPECT_EQ(got.response.status, 500);
  EXPECT_EQ(got.response.failure(), "HTTP 500");
  EXPECT_LE(got.response.body.size(), 64u << 10);
}

TEST(Http, ACutConnectionIsBrokenAndMayRecover) {
  HttpServer server([](const ServerRequest&) { return ServerAnswer{.body = "0123456789", .cut_after = 4}; });
  const Got got = get(server.url());
  EXPECT_FALSE(got.response.ok());
  EXPECT_THAT(got.response.broken, testing::Not(IsEmpty()));
  EXPECT_TRUE(got.response.may_recover);
  EXPECT_EQ(got.body, "0123");
}

TEST(Http, NobodyListeningIsBrokenAndMayRecover) {
  std::string url;
  {
    HttpServer server([](const ServerRequest&) { return ServerAnswer{}; });
    url = server.url();
  }
  const Got got = get(url);
  EXPECT_FALSE(got.response.ok());
  EXPECT_TRUE(got.response.may_recover);
}

TEST(Http, FollowsARelativeRedirectWithTheToken) {
  HttpServer server([](const ServerRequest& request) {
    return request.target == "/old" ? ServerAnswer{.status = 307, .headers = {"Location: /new"}}
                                    : ServerAnswer{.body = "new"};
  });
  EXPECT_EQ(get(server.url() + "/old", "secret").body, "new");
  for (const auto& request : server.requests())
    EXPECT_EQ(request.header("authorization"), "Bearer secret") << request.target;
}

TEST(Http, TheTokenDoesNotTravelToAnotherHost) {
  HttpServer other([](const ServerRequest&) { return ServerAnswer{.body = "from the other"}; });
  HttpServer server([&](const ServerRequest&) {
    return ServerAnswer{.status = 302, .headers = {"Location: " + other.url() + "/x"}};
  });
  const Got got = get(server.url(), "secret");
  EXPECT_EQ(got.body, "from the other");
  EXPECT_TRUE(got.response.left_origin);
  EXPECT_EQ(got.response.host, other.url());
  EXPECT_EQ(server.requests().at(0).header("authorization"), "Bearer secret");
  EXPECT_EQ(other.requests().at(0).header("authorization"), "");
}

TEST(Http, NorBackFromThere) {
  std::string home;
  HttpServer other([&](const ServerRequest&) {
    return ServerAnswer{.status = 302, .headers = {"Location: " + home + "/second"}};
  });
  HttpServer server([&](const ServerRequest& request) {
    return request.target == "/second" ? ServerAnswer{.body = "back"}
                                       : ServerAnswer{.status = 302, .headers = {"Location: " + other.url()}};
  });
  home = server.url();
  EXPECT_EQ(get(home + "/first", "secret").body, "back");
  EXPECT_EQ(server.requests("/second").at(0).header("authorization"), "");
}

TEST(Http, AnEndlessRedirectEnds) {
  HttpServer server(
      [](const ServerRequest&) { return ServerAnswer{.status = 302, .headers = {"Location: /again"}}; });
  EXPECT_THAT(error_of([&] { get(server.url()); }), HasSubstr("redirects in a row"));
  EXPECT_LE(server.requests().size(), 11u);
}

TEST(Http, ARedirectToAFileIsRefused) {
  HttpServer server([](const ServerRequest&) {
    return ServerAnswer{.status = 302, .headers = {"Location: file:///etc/passwd"}};
  });
  EXPECT_THAT(error_of([&] { get(server.url()); }, Fault::usage), HasSubstr("the scheme 'file'"));
}

TEST(Http, TooManyHeadersAreRefused) {
  HttpServer server([](const ServerRequest&) {
    ServerAnswer answer;
    for (int i = 0; i < 1000; ++i) answer.headers.push_back(fmt::format("X-{}: y", i));
    return answer;
  });
  EXPECT_THAT(error_of([&] { get(server.url()); }), HasSubstr("far too many headers"));
}

TEST(Http, WhatTheSinkThrowsIsThrown) {
  HttpServer server([](const ServerRequest&) { return ServerAnswer{.body = "x"}; });
  HttpClient client;
  EXPECT_THROW(client.get({.url = server.url()},
                          [](const HttpResponse&, std::string_view) { throw std::out_of_range("mine"); }),
               std::out_of_range);
  EXPECT_TRUE(client.get({.url = server.url()}, [](const HttpResponse&, std::string_view) {}).ok())
      << "and the next works";
}

TEST(Http, OriginsAreComparable) {
  EXPECT_EQ(origin_of("https://Hub.Example/a?b", ""), "https://hub.example:443");
  EXPECT_EQ(origin_of("http://hub.example:8080", ""), "http://hub.example:8080");
  EXPECT_THAT(error_of([] { origin_of("ftp://x", "--endpoint"); }, Fault::usage),
              HasSubstr("--endpoint: the scheme 'ftp'"));
  EXPECT_THAT(error_of([] { origin_of("https://me:word@x", ""); }, Fault::usage),
              HasSubstr("user name or password"));
  EXPECT_THAT(error_of([] { origin_of("not an address", ""); }, Fault::usage), HasSubstr("'not an address'"));
}

TEST(Http, PercentEncoding) {
  EXPECT_EQ(percent_encoded("refs/pr/1"), "refs%2Fpr%2F1");
  EXPECT_EQ(percent_encoded("a b/c?#%é", "/"), "a%20b/c%3F%23%25%C3%A9");
}

}  // namespace
}  // namespace coppice
