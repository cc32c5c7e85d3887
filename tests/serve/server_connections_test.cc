// Connections of the HTTP module: how long they stay, and what becomes of those that their clients have left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "server_fixture.h"

namespace tekio::serve {
namespace {

using test::HttpClient;
using test::HttpReply;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

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

TEST_F(ServerTest, StreamsToHttp10WithoutChunks) {
  start();
  HttpClient client(port_);
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(client.read_until("piece 2\n"));
  stop();
  const std::string all = client.read_to_end();
  EXPECT_THAT(all, ::testing::EndsWith("\r\n\r\npiece 1\npiece 2\n"));
  EXPECT_THAT(all, HasSubstr("Connection: close"));
  EXPECT_THAT(all, ::testing::Not(HasSubstr("Transfer-Encoding")));
}

}  // namespace
}  // namespace tekio::serve
