// What the HTTP module takes for a request, and where it ends: heads, chunks, and what hides between two readers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server_fixture.h"
#include "support/base64.h"

namespace tekio::serve {
namespace {

using test::HttpClient;
using test::HttpReply;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST_F(ServerTest, UnderstandsHttp) {
  start();
  EXPECT_EQ(request("GET", "/a%20b?c=d").body, "/a b");
  EXPECT_EQ(request("GET", "/a?b?c").body, "/a");
  EXPECT_EQ(request("GET", "/%2fa%4A%zz%4%").body, "//aJ%zz%4%");
  const HttpReply head = request("HEAD", "/abc");
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.headers, Contains(Pair("content-length", "4")));
  EXPECT_THAT(head.headers, Contains(Pair("date", ::testing::MatchesRegex("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} "
                                                                          "[0-9]{4} [0-9:]{8} GMT"))));
  EXPECT_FALSE(head.headers.contains("accept-ranges")) << "it sends no parts";
  EXPECT_EQ(
      reply_to("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").body,
      "abcde");
  EXPECT_EQ(reply_to("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").body,
            "abc");
  EXPECT_EQ(request("POST", "/", test::from_base64("H4sIAAAAAAACA6tWyswrKC0pVrJSUEpUiPZ1DPaO1VOqBQB4smS4FwAAAA=="),
                    "Content-Encoding: GZip\r\n")
                .body,
            R"({"inputs": "a [MASK]."})");
  EXPECT_EQ(request("POST", "/", "abc", "Content-Encoding: Identity\r\n").body, "abc");
  EXPECT_EQ(reply_to("POST /none HTTP/1.1\r\nHost: x\r\n\r\n").body,
            "");  // no length is no body, and nothing to wait for
  HttpClient old(port_);
  old.send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.read_to_end(), ::testing::EndsWith("/old"));
  HttpClient careful(port_);
  careful.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(careful.read(false).status, 100);
  careful.send("abc");
  EXPECT_EQ(careful.read().body, "abc");
  const std::string expecting = " HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n";
  HttpClient other_case(port_);
  other_case.send("POST /" + expecting + "\r\n");
  EXPECT_EQ(other_case.read(false).status, 100);
  other_case.send("abc");
  EXPECT_EQ(other_case.read().body, "abc");
  // Nobody is told to send what is refused.
  EXPECT_EQ(reply_to("POST /refused" + expecting + "\r\n").status, 401);
  EXPECT_EQ(reply_to("POST /" + expecting + "Content-Encoding: br\r\n\r\n").status, 415);
  EXPECT_EQ(reply_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\nExpect: 100-continue\r\n\r\n").status,
            413);
  // A form's type, as curl says without being asked, changes nothing.
  const std::string large(20'000, '%');
  EXPECT_EQ(request("POST", "/", large, "Content-Type: application/x-www-form-urlencoded\r\n").body, large);
}

TEST_F(ServerTest, ReadsARequestWhereverItComesApart) {
  start();
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n", next = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::string& request : {head + "Content-Length: 3\r\n\r\nabc",
                                     head + "Transfer-Encoding: chunked\r\n\r\n1;d\r\na\r\n2\r\nbc\r\n0\r\n\r\n"}) {
    const std::string both = request + next;
    for (size_t i = 1; i < both.size(); ++i) {
      HttpClient client(port_);
      client.send(both.substr(0, i));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // so that it is mostly read in two
      client.send(both.substr(i));
      EXPECT_EQ(client.read().body, "abc") << i;
      EXPECT_EQ(client.read().body, "/next") << i;
    }
  }
}

TEST_F(ServerTest, RefusesWhatIsNoHttp) {
  start();
  EXPECT_EQ(reply_to("hello\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to(std::string("\0\1\2\3\r\n\r\n", 8)).status, 400);
  EXPECT_EQ(reply_to("BREW /tea?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na").status,
            405);  // a word is a method
  EXPECT_EQ(reply_to("BREW: / HTTP/1.1\r\nHost: x\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to("BREW HTTP/1.1\r\nHost: x\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to("GET / HTTP/9.9\r\n\r\n").status, 400);
  for (const size_t length : {9'000, 70'000, 1'000'000})
    EXPECT_EQ(reply_to("GET /" + std::string(length, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n").status, 414) << length;
  EXPECT_EQ(reply_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab").status, 400);
  EXPECT_EQ(
      reply_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status,
      400);
  // Lines that one reader takes for a header, and another passes over.
  const std::string next = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const char* line :
       {"Content-Length : 38\r\n", "Content-Length\t: 38\r\n", "Content-Length: 38\n", "A: b\nContent-Length: 38\r\n",
        "A: b\r\n Content-Length: 38\r\n", "A: b\r\n\tc\r\n", " Content-Length: 38\r\n", "A: b\rContent-Length: 38\r\n",
        "Content-Length\r\n", ": 38\r\n", "Content-Length: 38\r\nTransfer-Encoding : chunked\r\n",
        "Transfer-Encoding\v: chunked\r\n", "Content-Length:\r\n", "Content-Length: %33%38\r\n",
        "Content-Length: +38\r\n", "Content-Length: 38\r\nContent-Length:\r\n", "Host: a\r\nHost: b\r\n"}) {
    HttpClient client(port_);
    client.send(std::string("POST / HTTP/1.1\r\nHost: x\r\n") + line + "\r\n" + next);
    EXPECT_EQ(client.read().status, 400) << line;
    EXPECT_TRUE(client.closes_without_reply()) << line;
  }
  EXPECT_EQ(reply_to("POST / HTTP/1.1\r\nHost: x\r\nA: b\r\n\n" + next).status, 400);
  EXPECT_EQ(reply_to("GET / HTTP/1.1\nHost: x\r\n\r\n").status, 400);
  for (const char* line : {"GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /\ta HTTP/1.1", "GET /\ra HTTP/1.1",
                           "GET / HTTP/1.1\r", "GET /#a HTTP/1.1", "\rGET / HTTP/1.1"})
    EXPECT_EQ(reply_to(std::string(line) + "\r\nHost: x\r\n\r\n").status, 400) << line;
  for (const char* coding : {"gzip, chunked", "", "%63hunked", "chunked\r\nTransfer-Encoding: chunked", "\"chunked\""})
    EXPECT_EQ(reply_to("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + std::string(coding) + "\r\n\r\n0\r\n\r\n")
                  .status,
              501)
        << coding;
  EXPECT_EQ(reply_to("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").status, 400);
  EXPECT_EQ(request("POST", "/", "--x--", "Content-Type: multipart/form-data; boundary=x\r\n").status, 415);
  for (const char* encoding : {"br", "zstd", "gzip, gzip", "gzip\r\nContent-Encoding: br", "x"})
    EXPECT_EQ(request("POST", "/", "a", "Content-Encoding: " + std::string(encoding) + "\r\n").status, 415) << encoding;
  EXPECT_EQ(request("POST", "/", "no gzip", "Content-Encoding: gzip\r\n").status, 400);
  EXPECT_EQ(request("GET", "/").status, 200);  // it goes on
}

TEST_F(ServerTest, SaysOfAHeadThatIsNotPlainNothingElse) {
  start();
  const std::string head = "GET /token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\n";
  EXPECT_EQ(reply_to(head + "\r\n").status, 200);
  EXPECT_EQ(reply_to(head + "Cookie: " + std::string(8'000, 'a') + "\r\n\r\n").status, 200);
  for (const std::string& line : {std::string(" folded"), std::string("A: b\nC: d"), std::string("A: b\0c", 6)})
    EXPECT_EQ(reply_to(head + line + "\r\n\r\n").status, 400) << line;
  EXPECT_EQ(reply_to("GET /refused HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to("GET /opening HTTP/1.1\r\nHost: x y\r\n\r\n").status, 400) << "it waited";
  EXPECT_EQ(reply_to("BREW /tea HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n").status, 400);
}

TEST_F(ServerTest, RefusesHeadersThatAreTooLong) {
  start();
  const std::string head = "GET /token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer secret\r\n";
  const HttpReply reply = reply_to(head + "Cookie: " + std::string(9'000, 'a') + "\r\n\r\n");
  EXPECT_EQ(reply.status, 431);
  EXPECT_EQ(reply.body, "error 431");
  std::string many = head;
  while (many.size() < 70'000) many += "A: " + std::string(5'000, 'b') + "\r\n";
  EXPECT_EQ(reply_to(many + "\r\n").status, 431);
}

TEST_F(ServerTest, WithstandsLongAndManyHeaders) {
  start();
  EXPECT_EQ(request("GET", "/" + std::string(8'000, 'a')).body.size(), 8'001u);
  std::string ranges = "Range: bytes=0-0";
  while (ranges.size() < 8'000) ranges += ",0-0";
  EXPECT_NE(request("GET", "/abc", "", ranges + "\r\n").status, 206);
  for (const char* range : {"bytes=1-1", "bytes=5-1", "lines=1"})
    EXPECT_EQ(request("GET", "/abc", "", std::string("Range: ") + range + "\r\n").body, "/abc") << range;
  HttpClient many(port_);
  std::string headers = "GET / HTTP/1.1\r\nHost: x\r\n";
  while (headers.size() < 1'000'000) headers += "A" + std::to_string(headers.size()) + ": b\r\n";
  many.send(headers + "\r\n");
  EXPECT_THAT(many.read().status, ::testing::AnyOf(0, 431));
  HttpClient endless(port_);
  endless.send("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(1'000'000, 'a'));
  EXPECT_THAT(endless.read().status, ::testing::AnyOf(0, 431));
  EXPECT_EQ(request("GET", "/").status, 200);
}

TEST_F(ServerTest, IsToldForWhichHostARequestIs) {
  start();
  EXPECT_EQ(reply_to("GET http://a@localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 400);
  for (const char* line :
       {"", "Host:\r\n", "Host: \r\n", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: a/\r\n", "Host: b@a\r\n"})
    for (const char* first : {"GET /", "GET http://localhost/", "BREW /tea"})
      EXPECT_EQ(reply_to(std::string(first) + " HTTP/1.1\r\n" + line + "\r\n").status, 400) << first << line;
  EXPECT_EQ(reply_to("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").status, 200);
  EXPECT_EQ(reply_to("GET http://a.example:80/names HTTP/1.1\r\nHost: localhost\r\n\r\n").body, "a.example:80 ");
  for (const auto& [target, path] : {std::pair("http://localhost/health", "/health"),
                                     {"HTTP://b/a%20b?c=d", "/a b"},
                                     {"http://b", "/"},
                                     {"http://b?c", "/"},
                                     {"http://b/http://c/d", "/http://c/d"}})
    EXPECT_EQ(reply_to(std::string("GET ") + target + " HTTP/1.1\r\nHost: b\r\n\r\n").body, path) << target;
  for (const char* target : {"http:///names", "ftp://a/names"})
    EXPECT_THAT(reply_to(std::string("GET ") + target + " HTTP/1.1\r\nHost: b\r\n\r\n").body,
                ::testing::EndsWith("/names"))
        << target;
}

TEST_F(ServerTest, TellsWhoIsAskedAndByWhichPage) {
  start();
  EXPECT_EQ(request("GET", "/names", "", "Origin: http://a.example\r\n").body, "localhost http://a.example");
  EXPECT_EQ(request("GET", "/names", "", "ORIGIN: \thttp://a.example/%41+\t\r\n").body,
            "localhost http://a.example/%41+")
      << "not as it was sent";
  EXPECT_THAT(server_->names(), testing::ElementsAre("localhost", "127.0.0.1", "[::1]", "127.0.0.1"));
  EXPECT_TRUE(Server("0.0.0.0", 0, {}).names().empty());
}

TEST_F(ServerTest, PassesOverEmptyLinesBeforeARequest) {
  static constexpr std::string_view kUrgent[] = {"/urgent"};
  start({.connections = 1, .urgent = kUrgent});
  HttpClient client(port_);
  client.send(
      "\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na\r\n\r\nBREW /tea HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read().body, "a");
  EXPECT_EQ(client.read().status, 405);
  for (const char* lines : {"\n", "\r", "\r\r\n", "\r\n\n", "\r\n \r\n"})
    EXPECT_THAT(reply_to(std::string(lines) + "GET / HTTP/1.1\r\nHost: x\r\n\r\n").status, ::testing::AnyOf(0, 400))
        << testing::PrintToString(lines);
  HttpClient first(port_), urgent(port_);
  first.send("GET", "/slow", "");
  echo_.wait_for_slow(1);
  urgent.send("\r\n\r\nGET /urgent HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(urgent.read().body, "/urgent");
}

TEST_F(ServerTest, RefusesChunksThatAreNotPlain) {
  start();
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string next = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const char* chunks : {"3\r\nabc\r\n0\r\n\r\n", "003\r\nabc\r\n000\r\n\r\n", "3;a=\"b c\"\r\nabc\r\n0;d\r\n\r\n",
                             "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"}) {
    HttpClient client(port_);
    client.send(head + chunks + next);
    EXPECT_EQ(client.read().body, "abc") << chunks;
    EXPECT_EQ(client.read().body, "/next") << chunks;
  }
  const std::string end = "\r\n0\r\n\r\n", long_text(2'000, '0');
  const std::vector<std::string> others = {"3\nabc" + end,
                                           "0x3\r\nabc" + end,
                                           "+3\r\nabc" + end,
                                           " 3\r\nabc" + end,
                                           "3 \r\nabc" + end,
                                           "-1\r\nabc" + end,
                                           "-fffffffffffffffd\r\nabc" + end,
                                           "10000000000000003\r\nabc" + end,
                                           "fffffffff\r\nabc",
                                           long_text + "3\r\nabc" + end,
                                           "3;" + long_text + "\r\nabc" + end,
                                           "3;a\nb\r\nabc" + end,
                                           "3;a\rb\r\nabc" + end,
                                           ";a" + end,
                                           end,
                                           "DELETE / HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "3\r\nabc0\r\n\r\n",
                                           "3\r\nabcd" + end,
                                           "3\r\nabc\n0\r\n\r\n",
                                           "3\r\nabc\r\n0\n\r\n",
                                           "3\r\nabc\r\n0\r\n\n",
                                           "3\r\nabc\r\n0\r\nA: b\r\n\r\n",
                                           "3\r\nabc\r\n0z\r\n\r\n"};
  for (const std::string& chunks : others) {
    HttpClient client(port_);
    client.send(head + chunks + next);
    EXPECT_EQ(client.read().status, 400) << chunks;
    EXPECT_TRUE(client.closes_without_reply()) << chunks;
  }
}

TEST_F(ServerTest, WhatIsLeftOfARefusedRequestIsNoRequest) {
  start();
  for (const char* first : {"POST /refused", "GET /", "DELETE /"}) {
    HttpClient client(port_);
    client.send(std::string(first) +
                " HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(client.read_to_end(), ::testing::Not(HasSubstr("smuggled"))) << first;
  }
}

}  // namespace
}  // namespace tekio::serve
