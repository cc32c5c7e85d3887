// How the server of the HTTP module begins, and how it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "server_fixture.h"

namespace tekio::serve {
namespace {

using std::chrono::milliseconds;
using test::HttpClient;
using test::HttpReply;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace tekio::serve
