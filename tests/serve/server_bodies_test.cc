// The HTTP module's limits on bodies, and the room of large ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "server_fixture.h"
#include "support/base64.h"

namespace tekio::serve {
namespace {

using std::chrono::milliseconds;
using test::HttpClient;
using test::HttpReply;
using ::testing::Contains;
using ::testing::Pair;

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
  for (const std::string name : {"gzip", "x-gzip"})  // two names of one
    EXPECT_EQ(request("POST", "/", bomb, "Content-Encoding: " + name + "\r\n").status, 413) << name;
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

}  // namespace
}  // namespace tekio::serve
