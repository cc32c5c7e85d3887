// The HTTP module on real connections: limits, hostile clients, and how it ends.
#include "serve/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "support/base64.h"
#include "support/http_client.h"

namespace tekio::serve {
namespace {

using std::chrono::milliseconds;
using test::HttpClient;
using test::HttpReply;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

/// Answers a POST with its body; some paths are special.
class Echo final : public http::Handler {
 public:
  bool admit(const http::Request& head, http::Reply& refusal) override {
    if (head.path == "/opening") wait_for_gate();
    const bool has_token = head.path != "/token" || head.authorization == "Bearer secret";
    if (head.path != "/refused" && head.method != "BREW" && has_token) return true;
    refusal.status = head.method == "BREW" ? 405 : 401;
    refusal.body = "refused";
    return false;
  }
  http::Reply answer(http::Request& request) override {
    http::Reply reply;
    reply.body = request.method == "POST" ? request.body : request.path;
    if (request.path == "/names") reply.body = request.host + " " + request.origin;
    if (request.path == "/large") reply.body.assign(16 << 20, 'x');
    if (request.path == "/slow") wait_for_gate();
    if (request.path == "/left") wait_until_left(request);
    if (request.path == "/wanted") {
      reply.body.assign(16 << 20, 'x');
      reply.is_wanted = [] { return true; };
    }
    if (request.path == "/held" || request.path == "/wanted")
      reply.held = std::shared_ptr<void>(nullptr, [this](void*) { tell(let_go_); });
    if (request.path == "/stream") {
      reply.type = "text/event-stream";
      reply.stream = [count = 0](std::string& piece) mutable {
        piece = ++count <= 2 ? "piece " + std::to_string(count) + "\n" : "";
        if (piece.empty()) std::this_thread::sleep_for(milliseconds(10));
        return true;
      };
    }
    return reply;
  }
  http::Reply error(int status) override {
    http::Reply reply;
    reply.status = status;
    reply.body = "error " + std::to_string(status);
    return reply;
  }
  void answered(const http::Request&, int, double) override { ++answered_; }

  int answered() const { return answered_; }
  void wait_for_slow(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return slow_ >= count; });
  }
  void open_gate() { tell(is_open_); }
  bool is_let_go() { return comes_true(let_go_); }
  bool has_left() { return comes_true(left_); }

 private:
  void tell(bool& what) {
    {
      const std::lock_guard lock(mutex_);
      what = true;
    }
    changed_.notify_all();
  }
  bool comes_true(const bool& what) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return what; });
  }
  void wait_until_left(const http::Request& request) {
    if (request.has_left()) return;  // the client is still there: this is to be false at first
    wait_for_gate();
    for (int i = 0; i < 10'000 && !request.has_left(); ++i) std::this_thread::sleep_for(milliseconds(1));
    if (request.has_left()) tell(left_);
  }
  void wait_for_gate() {
    std::unique_lock lock(mutex_);
    ++slow_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return is_open_; });
  }

  std::atomic<int> answered_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  int slow_ = 0;
  bool is_open_ = false, let_go_ = false, left_ = false;
};

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::string_view(TEKIO_HTTP_MODULE_FILE).empty()) GTEST_SKIP() << "this build has no HTTP module";
    ::setenv("TEKIO_HTTP_MODULE", TEKIO_HTTP_MODULE_FILE, 1);
  }
  void TearDown() override { stop(); }

  void start(const http::Limits& limits = {}) {
    server_.emplace("127.0.0.1", 0, limits);
    port_ = server_->port();
    server_->start(echo_);
  }
  void stop() {
    echo_.open_gate();
    if (server_) server_->stop();
  }
  HttpReply request(std::string_view method, std::string_view path, std::string_view body = "",
                    std::string_view headers = "") const {
    return test::http_request(port_, method, path, body, headers);
  }
  /// What is answered to these very bytes.
  HttpReply reply_to(std::string_view bytes) const {
    HttpClient client(port_);
    client.send(bytes);
    return client.read();
  }

  Echo echo_;
  std::optional<Server> server_;
  int port_ = 0;
};

TEST_F(ServerTest, AnswersManyRequestsOfAConnection) {
  start();
  HttpClient client(port_);
  for (int i = 0; i < 20; ++i) {
    client.send("POST", "/", "body " + std::to_string(i));
    const HttpReply reply = client.read();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "body " + std::to_string(i));
  }
  client.send(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\naPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: "
      "2\r\n\r\nbb");
  EXPECT_EQ(client.read().body, "a");
  EXPECT_EQ(client.read().body, "bb");
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

TEST_F(ServerTest, UnderstandsHttp) {
  start();
  EXPECT_EQ(request("GET", "/a%20b?c=d").body, "/a b");
  const HttpReply head = request("HEAD", "/abc");
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.headers, Contains(Pair("content-length", "4")));
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

TEST_F(ServerTest, RefusesBodiesOverTheLimit) {
  start({.body = 1'000});
  EXPECT_EQ(request("POST", "/", std::string(1'000, 'x')).status, 200);
  const HttpReply reply = request("POST", "/", std::string(1'001, 'x'));
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.body, "error 413");
  EXPECT_THAT(reply.headers, Contains(Pair("connection", "close")));
  EXPECT_EQ(request("POST", "/", std::string(10'000'000, 'x')).status, 413);  // the answer is not lost by a reset
  EXPECT_EQ(reply_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n").status, 413);
  const std::string chunk = "1f4\r\n" + std::string(500, 'x') + "\r\n";
  EXPECT_EQ(
      reply_to("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + "0\r\n\r\n").status,
      200);
  EXPECT_EQ(
      reply_to("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + chunk + chunk + "0\r\n\r\n")
          .status,
      413);
  // 100,000 spaces, packed.
  const std::string bomb = test::from_base64(
      "H4sIAAAAAAACA+"
      "3BMQEAAADCoCrrn9IaHkABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAArwYt8HnKoIYBAA==");
  EXPECT_EQ(request("POST", "/", bomb, "Content-Encoding: gzip\r\n").status, 413);
}

TEST_F(ServerTest, LargeBodiesHaveSoMuchRoom) {
  start({.large = 1'000, .large_bodies = 50'000});
  HttpClient holder(port_);
  holder.send("POST", "/slow", std::string(40'000, 'x'));
  echo_.wait_for_slow(1);
  const HttpReply refused = request("POST", "/", std::string(20'000, 'x'));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body, "error 429");
  EXPECT_EQ(request("POST", "/", std::string(9'000, 'x')).status, 200);
  EXPECT_EQ(request("POST", "/", std::string(1'000, 'x')).status, 200);
  echo_.open_gate();
  EXPECT_EQ(holder.read().body.size(), 40'000u);
  holder.send("POST", "/", std::string(60'000, 'x'));  // the answer before is sent when its room is there again
  EXPECT_EQ(holder.read().body.size(), 60'000u) << "one alone";
}

TEST_F(ServerTest, ABodyThatComesSlowlyGivesUpItsRoom) {
  start({.hurry = milliseconds(100), .large = 1'000, .large_bodies = 50'000});
  const auto begin = [&](int bytes) {
    auto client = std::make_unique<HttpClient>(port_);
    client->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 22000\r\n\r\n" +
                 std::string(static_cast<size_t>(bytes), 'x'));
    return client;
  };
  const auto first = begin(20'000);
  std::this_thread::sleep_for(milliseconds(100));
  const auto second = begin(20'000);
  std::this_thread::sleep_for(milliseconds(200));  // is what makes both slow
  EXPECT_EQ(request("POST", "/", std::string(25'000, 'y')).status, 200);
  EXPECT_EQ(first->read().status, 429) << "it stood still for longest";
  second->send(std::string(2'000, 'x'));
  EXPECT_EQ(second->read().body.size(), 22'000u) << "more was cut than had to be";
}

TEST_F(ServerTest, BodiesThatWereLetInComeToTheirEndHoweverManyOthersWantIn) {
  start({.hurry = std::chrono::seconds(1), .large = 1'000, .large_bodies = 50'000});
  const auto head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 24000\r\n\r\n";
  HttpClient one(port_), other(port_);
  one.send(head);
  other.send(head);
  for (int i = 0; i < 12; ++i) {  // for longer than who stands still has
    one.send(std::string(2'000, 'x'));
    other.send(std::string(2'000, 'x'));
    std::this_thread::sleep_for(milliseconds(120));
    EXPECT_EQ(request("POST", "/", std::string(20'000, 'y')).status, i < 11 ? 429 : 200) << i;
  }
  EXPECT_EQ(one.read().body.size(), 24'000u);
  EXPECT_EQ(other.read().body.size(), 24'000u);
}

TEST_F(ServerTest, ABodyHasItsTimeToComeThoughOthersNeedItsRoom) {
  start({.hurry = std::chrono::seconds(60), .large = 1'000, .large_bodies = 50'000});
  HttpClient slow(port_);
  slow.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 45000\r\n\r\n" + std::string(40'000, 'x'));
  do std::this_thread::sleep_for(milliseconds(100));
  while (request("POST", "/", std::string(20'000, 'y')).status != 429);  // until what was sent has come
  slow.send(std::string(5'000, 'x'));
  EXPECT_EQ(slow.read().body.size(), 45'000u);
  EXPECT_EQ(request("POST", "/", std::string(20'000, 'y')).status, 200);
}

TEST_F(ServerTest, RefusesWhatIsNoHttp) {
  start();
  EXPECT_EQ(reply_to("hello\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to(std::string("\0\1\2\3\r\n\r\n", 8)).status, 400);
  EXPECT_EQ(reply_to("BREW /tea?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na").status,
            405);  // a word is a method
  EXPECT_EQ(reply_to("brew / HTTP/1.1\r\nHost: x\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to("BREW HTTP/1.1\r\nHost: x\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to("GET / HTTP/9.9\r\n\r\n").status, 400);
  EXPECT_EQ(reply_to("GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n").status, 414);
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
  for (const char* line :
       {"GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /\ta HTTP/1.1", "GET /\ra HTTP/1.1", "GET / HTTP/1.1\r"})
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
  EXPECT_EQ(reply_to("GET /opening?a?b HTTP/1.1\r\nHost: x\r\n\r\n").status, 400) << "it waited";
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

TEST_F(ServerTest, IsToldForWhichHostARequestIs) {
  start();
  for (const char* line : {"", "Host:\r\n", "Host: \r\n", "Host: a\r\nHost: a\r\n"})
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
  for (const char* target : {"http:///names", "http://a%41/names", "ftp://a/names"})
    EXPECT_THAT(reply_to(std::string("GET ") + target + " HTTP/1.1\r\nHost: b\r\n\r\n").body,
                ::testing::EndsWith("/names"))
        << target;
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

TEST_F(ServerTest, ClosesWhatItsClientIsDoneWith) {
  start({.idle = std::chrono::seconds(60)});
  for (const char* line : {"Connection: close\r\n", "connection: Close\r\n", "Connection: TE,\tCLOSE \r\n",
                           "Connection: TE\r\nConnection: close, TE\r\n"}) {
    HttpClient client(port_);
    client.send("GET", "/", "", line);
    const HttpReply reply = client.read();
    EXPECT_EQ(reply.status, 200) << line;
    EXPECT_THAT(reply.headers, Contains(Pair("connection", "close"))) << line;
    EXPECT_TRUE(client.closes_without_reply()) << line;
  }
  HttpClient stays(port_);
  for (const char* line : {"Connection: keep-alive\r\n", "Connection: closed\r\n", "Connection:\r\n"}) {
    stays.send("GET", "/", "", line);
    EXPECT_THAT(stays.read().headers, ::testing::Not(Contains(::testing::Key("connection")))) << line;
  }
}

TEST_F(ServerTest, KeepsAConnectionOfHttp10ThatAsksForIt) {
  start({.idle = std::chrono::seconds(60)});
  HttpClient client(port_);
  for (const char* word : {"Keep-Alive", "keep-alive", "TE, Keep-Alive"}) {
    client.send("GET /old HTTP/1.0\r\nConnection: " + std::string(word) + "\r\n\r\n");
    const HttpReply reply = client.read();
    EXPECT_EQ(reply.body, "/old") << word;
    EXPECT_THAT(reply.headers, Contains(Pair("connection", "keep-alive"))) << word;
  }
  client.send("GET /old HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n");
  EXPECT_THAT(client.read().headers, Contains(Pair("connection", "close")));
  EXPECT_TRUE(client.closes_without_reply());
  HttpClient plain(port_);
  plain.send("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_THAT(plain.read().headers, Contains(Pair("connection", "close")));
  EXPECT_TRUE(plain.closes_without_reply());
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

TEST_F(ServerTest, WithstandsLongAndManyHeaders) {
  start();
  EXPECT_EQ(request("GET", "/" + std::string(8'000, 'a')).body.size(), 8'001u);
  std::string ranges = "Range: bytes=0-0";
  while (ranges.size() < 8'000) ranges += ",0-0";
  EXPECT_NE(request("GET", "/abc", "", ranges + "\r\n").status, 206);
  EXPECT_EQ(request("GET", "/abc", "", "Range: bytes=1-1\r\n").body, "/abc");
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

TEST_F(ServerTest, CutsSlowClients) {
  start({.idle = milliseconds(50), .request = milliseconds(100), .reply = milliseconds(100)});
  HttpClient silent(port_), head(port_), body(port_), reader(port_);
  head.send("GET / HTTP/1.1\r\nHost: x\r\nHo");
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  reader.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(silent.closes_without_reply());
  EXPECT_EQ(head.read().status, 408);
  EXPECT_EQ(body.read().status, 408);
  std::this_thread::sleep_for(milliseconds(200));  // is what makes this client slow
  EXPECT_LT(reader.read_to_end().size(), size_t{16} << 20);
}

TEST_F(ServerTest, WhoIsMadeToWaitIsNotLate) {
  start({.request = milliseconds(500), .body = 1'000});
  HttpClient client(port_);
  client.send("POST /opening HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  echo_.wait_for_slow(1);
  EXPECT_EQ(reply_to("POST /opening HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n").status, 413)
      << "known without waiting";
  std::this_thread::sleep_for(milliseconds(600));  // longer than the request may take
  echo_.open_gate();
  std::this_thread::sleep_for(milliseconds(100));
  client.send("defghij");
  EXPECT_EQ(client.read().body, "abcdefghij");
}

TEST_F(ServerTest, DropsDoNotKeepAConnection) {
  start({.request = milliseconds(200)});
  HttpClient dripping(port_);
  const auto begun = std::chrono::steady_clock::now();
  while (dripping.send("X") && std::chrono::steady_clock::now() - begun < std::chrono::seconds(10))
    std::this_thread::sleep_for(milliseconds(20));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
}

TEST_F(ServerTest, IdleConnectionsMakeRoomForThoseThatWait) {
  start({.idle = std::chrono::seconds(60), .connections = 2});
  HttpClient first(port_), second(port_);
  first.send("GET", "/1", "");
  EXPECT_EQ(first.read().body, "/1");
  second.send("GET", "/2", "");
  EXPECT_EQ(second.read().body, "/2");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(request("GET", "/3").body, "/3");
}

TEST_F(ServerTest, SlowClientsHurryWhereOthersWait) {
  start({.request = std::chrono::seconds(60), .hurry = milliseconds(50), .connections = 1});
  HttpClient slow(port_);
  slow.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(slow.read(false).status, 100);  // it has the thread
  slow.send("abc");
  EXPECT_EQ(request("GET", "/2").body, "/2");
  EXPECT_EQ(slow.read().status, 408);
}

TEST_F(ServerTest, WholeRequestsComeBeforeSlowOnes) {
  start({.request = std::chrono::seconds(60), .hurry = std::chrono::seconds(60), .connections = 1});
  HttpClient first(port_), silent(port_), head(port_), body(port_), chunks(port_), get(port_), post(port_),
      pieces(port_);
  first.send("GET", "/slow", "");
  echo_.wait_for_slow(1);
  head.send("GET / HTTP/1.1\r\nHost: x\r\nHo");
  body.send("POST / HTTP/1.1\r\nHost: x\r\ncontent-LENGTH: 10\r\n\r\nabc");
  chunks.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  get.send("GET", "/get", "");
  post.send("POST", "/", "whole");
  pieces.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  echo_.open_gate();
  EXPECT_EQ(get.read().body, "/get");
  EXPECT_EQ(post.read().body, "whole");
  EXPECT_EQ(pieces.read().body, "abc");
  // The others hold the thread for a minute: they leave.
}

TEST_F(ServerTest, WholeRequestsComeBeforeThoseThatOnlySeemSo) {
  start({.request = std::chrono::seconds(60), .hurry = std::chrono::seconds(60), .connections = 4});
  std::vector<std::unique_ptr<HttpClient>> slow;
  const std::string large = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n" + std::string(16 << 10, 'x');
  const std::string expects = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  const std::string chunk = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc\r\n0\r\n\r\n";
  for (int i = 0; i < 20; ++i)
    for (const std::string& bytes : {large, expects, chunk, std::string("GET / HTTP/1.1\r\nHost: x\r\nHo")}) {
      slow.push_back(std::make_unique<HttpClient>(port_));
      slow.back()->send(bytes);
    }
  // The thread that is kept for whole requests answers at once, though nobody is cut for a minute.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(request("GET", "/whole").body, "/whole");
  EXPECT_EQ(request("POST", "/", std::string(10'000, 'y')).body.size(), 10'000u);
}

TEST_F(ServerTest, LargeAndExpectedBodiesAreReadThoughManyAreSlow) {
  start({.request = std::chrono::seconds(60), .hurry = milliseconds(50), .connections = 4});
  std::vector<std::unique_ptr<HttpClient>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<HttpClient>(port_));
    slow.back()->send("GET / HTTP/1.1\r\nHost: x\r\nHo");
  }
  EXPECT_EQ(request("POST", "/", std::string(900'000, 'y')).body.size(), 900'000u);
  HttpClient careful(port_);
  careful.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(careful.read(false).status, 100);
  careful.send("abc");
  EXPECT_EQ(careful.read().body, "abc");
}

TEST_F(ServerTest, CutsWhoDoesNotTakeAnAnswerThatHoldsUpOthers) {
  start({.hurry = milliseconds(50), .reply = std::chrono::seconds(60), .connections = 1});
  HttpClient reader(port_);
  reader.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(reader.read_until("HTTP/1.1 200"));
  EXPECT_EQ(request("GET", "/2").body, "/2");  // for which there is no other thread
  EXPECT_LT(reader.read_to_end().size(), size_t{16} << 20);
  HttpClient holder(port_);
  holder.send("GET /wanted HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(holder.read_until("HTTP/1.1 200"));
  EXPECT_TRUE(echo_.is_let_go());
  EXPECT_LT(holder.read_to_end().size(), size_t{16} << 20);
}

TEST_F(ServerTest, CutsWhoHasSentPartOfARequestWhereTooManyWait) {
  start({.hurry = milliseconds(300), .connections = 1, .crowd = 3});
  HttpClient first(port_), whole(port_), slow(port_), expects(port_);
  first.send("GET", "/slow", "");
  echo_.wait_for_slow(1);
  whole.send("GET", "/whole", "");
  slow.send("GET /slow");
  expects.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  HttpClient last(port_);
  last.send("GET", "/last", "");
  EXPECT_TRUE(slow.closes_without_reply());
  EXPECT_TRUE(expects.closes_without_reply());
  echo_.open_gate();
  EXPECT_EQ(whole.read().body, "/whole");
  EXPECT_EQ(last.read().body, "/last");
}

TEST_F(ServerTest, AnswersWhatIsUrgentThoughAllAreBusy) {
  static constexpr std::string_view kUrgent[] = {"/urgent"};
  start({.connections = 1, .urgent = kUrgent});
  HttpClient first(port_), second(port_);
  first.send("GET", "/slow", "");
  echo_.wait_for_slow(1);
  second.send("GET", "/2", "");
  for (int i = 0; i < 20; ++i) {  // more than there are threads for
    HttpClient urgent(port_);
    urgent.send("GET /urgent HTTP/1.1\r\nHost: x\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(urgent.read().body, "/urgent");
    EXPECT_TRUE(urgent.closes_without_reply()) << "its thread answers what is not urgent";
  }
  HttpClient probe(port_), query(port_);
  probe.send("HEAD", "/urgent", "");
  EXPECT_EQ(probe.read(false).status, 200);
  query.send("GET", "/urgent?a=b", "");
  EXPECT_EQ(query.read().body, "/urgent");
  std::vector<std::unique_ptr<HttpClient>> many;
  for (int i = 0; i < 200; ++i) {
    many.push_back(std::make_unique<HttpClient>(port_));
    many.back()->send("GET", "/urgent", "");
  }
  for (const auto& each : many) EXPECT_EQ(each->read().body, "/urgent");
  echo_.open_gate();
  EXPECT_EQ(second.read().body, "/2");
}

TEST_F(ServerTest, BusyConnectionsTakeTurns) {
  start({.connections = 1});
  HttpClient first(port_), second(port_);
  first.send("GET", "/slow", "");
  echo_.wait_for_slow(1);
  second.send("GET", "/2", "");
  echo_.open_gate();
  EXPECT_EQ(first.read().status, 200);
  EXPECT_EQ(second.read().body, "/2");
}

TEST_F(ServerTest, KnowsWhoHasLeft) {
  start();
  {
    HttpClient client(port_);
    client.send("GET", "/left", "");
    echo_.wait_for_slow(1);
    echo_.open_gate();
  }
  EXPECT_TRUE(echo_.has_left());
}

TEST_F(ServerTest, LetsGoWhatAReplyHeldOnceItIsSent) {
  start({.idle = std::chrono::seconds(60)});
  HttpClient client(port_);
  client.send("GET", "/held", "");
  EXPECT_EQ(client.read().status, 200);
  EXPECT_TRUE(echo_.is_let_go());  // while the connection waits for a further request
}

TEST_F(ServerTest, StreamsPiecesAsTheyCome) {
  start();
  HttpClient client(port_);
  client.send("GET", "/stream", "");
  EXPECT_TRUE(client.read_until("piece 2\n"));
  stop();
  EXPECT_THAT(client.read_to_end(), HasSubstr("0\r\n\r\n"));  // ended, not cut
}

TEST_F(ServerTest, AnswersWhatHadArrivedBeforeItEnds) {
  start({.connections = 1});
  HttpClient working(port_), waiting(port_), silent(port_);
  working.send("GET", "/slow", "");
  echo_.wait_for_slow(1);
  waiting.send("POST", "/", "waits");  // not accepted yet: the only thread is busy
  const std::future<void> stopped = std::async(std::launch::async, [&] { server_->stop(); });
  echo_.open_gate();
  const HttpReply reply = working.read();
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(working.closes_without_reply());
  EXPECT_EQ(waiting.read().body, "waits");
  EXPECT_TRUE(silent.closes_without_reply());
  stopped.wait();
  EXPECT_FALSE(HttpClient(port_).is_connected());
  EXPECT_EQ(echo_.answered(), 2);
}

TEST_F(ServerTest, AnswersAllThatWasSentAtOnceBeforeItEnds) {
  start();
  HttpClient client(port_);
  std::string all = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
  for (int i = 0; i < 50; ++i)
    all +=
        "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + std::string(1'000, 'b');
  client.send(all);
  echo_.wait_for_slow(1);
  const std::future<void> stopped = std::async(std::launch::async, [&] { server_->stop(); });
  std::this_thread::sleep_for(milliseconds(20));
  echo_.open_gate();
  EXPECT_EQ(client.read().status, 200);
  for (int i = 0; i < 50; ++i) {
    const HttpReply reply = client.read();
    EXPECT_EQ(reply.status, 200) << i;
    EXPECT_EQ(reply.headers.contains("connection"), i == 49) << i;
  }
  stopped.wait();
}

TEST_F(ServerTest, EndsThoughAClientNeverCeasesToAsk) {
  start();
  HttpClient client(port_);
  std::atomic<bool> ends{false};
  std::jthread asking([&] {
    while (!ends && client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) {}
  });
  std::jthread reading([&] {
    while (client.read().status == 200) {}
    ends = true;
  });
  std::this_thread::sleep_for(milliseconds(50));
  stop();
  EXPECT_FALSE(HttpClient(port_).is_connected());
}

TEST_F(ServerTest, EndsThoughClientsComeAgain) {
  start({.connections = 2});
  std::atomic<int> answered{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < 6; ++i)
    clients.emplace_back([&] {
      for (;;) {
        HttpClient client(port_);
        if (!client.is_connected() || !client.send("POST", "/", "a") || client.read().status != 200) return;
        ++answered;
      }
    });
  while (answered < 20) std::this_thread::yield();
  stop();
  clients.clear();
  EXPECT_EQ(echo_.answered(), answered);  // whoever was served has the answer
}

TEST_F(ServerTest, NamesThePortThatIsTaken) {
  start();
  try {
    const Server other("127.0.0.1", port_, {});
    ADD_FAILURE() << "two servers on one port";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("port " + std::to_string(port_) + ": Address already in use"));
  }
}

TEST(Server, SaysWhereItHasNoModule) {
  ::setenv("TEKIO_HTTP_MODULE", "/nonexistent/libtekio_http.so", 1);
  try {
    const Server none("127.0.0.1", 0, {});
    ADD_FAILURE();
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("this Tekio has no server"));
  }
}

}  // namespace
}  // namespace tekio::serve
