// Slow clients and many of them: who of them is cut, and who has to wait for whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server_fixture.h"

namespace tekio::serve {
namespace {

using std::chrono::milliseconds;
using test::HttpClient;

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

// Neither one that was answered nor one that has only connected is closed for another's sake: what it sends is on its
// way.
TEST_F(ServerTest, WhoHasSentNothingHoldsUpNobodyAndStays) {
  start({.idle = std::chrono::seconds(60), .hurry = milliseconds(20), .connections = 1});
  HttpClient kept(port_), silent(port_);
  kept.send("GET", "/kept", "");
  EXPECT_EQ(kept.read().body, "/kept");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(request("GET", "/other").body, "/other");
    std::this_thread::sleep_for(milliseconds(150));
  }
  silent.send("GET", "/late", "");
  EXPECT_EQ(silent.read().body, "/late");
  kept.send("GET", "/again", "");
  EXPECT_EQ(kept.read().body, "/again");
}

TEST_F(ServerTest, BodiesThatWaitToBeReadAreNotLeftBehindBySmallOnes) {
  start({.hurry = milliseconds(100), .connections = 4});
  std::atomic<bool> is_done{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 12; ++i)
    others.emplace_back([&] {
      while (!is_done) request("GET", "/nap");
    });
  HttpClient careful(port_);
  careful.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  const auto begun = std::chrono::steady_clock::now();
  std::thread guard([&] {
    while (!is_done && std::chrono::steady_clock::now() - begun < std::chrono::seconds(10))
      std::this_thread::sleep_for(milliseconds(10));
    is_done = true;
  });
  EXPECT_EQ(careful.read(false).status, 100);
  EXPECT_FALSE(is_done) << "only once the others had ended";
  careful.send("abc");
  EXPECT_EQ(careful.read().body, "abc");
  is_done = true;
  guard.join();
  for (std::thread& other : others) other.join();
}

// Who is refused and goes on sending, or does not close, takes no thread.
TEST_F(ServerTest, WhoIsRefusedHoldsNoThread) {
  start({.connections = 1});
  std::vector<std::unique_ptr<HttpClient>> refused;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    refused.push_back(std::make_unique<HttpClient>(port_));
    refused.back()->send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx");
  }
  EXPECT_EQ(request("GET", "/other").body, "/other");
  for (const auto& client : refused) EXPECT_EQ(client->read().status, 400);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
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

}  // namespace
}  // namespace tekio::serve
