// A server of the HTTP module on a port of its own, and a handler that answers with what it was asked.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string_view>

#include "serve/server.h"
#include "support/http_client.h"

namespace tekio::serve {

/// Answers a POST with its body; some paths are special.
class Echo final : public http::Handler {
 public:
  bool admit(const http::Request& head, http::Reply& refusal) override;
  http::Reply answer(http::Request& request) override;
  http::Reply error(int status) override;
  void answered(const http::Request&, int, double) override { ++answered_; }

  int answered() const { return answered_; }
  void wait_for_slow(int count);
  void open_gate() { tell(is_open_); }
  bool is_let_go() { return comes_true(let_go_); }
  bool has_left() { return comes_true(left_); }

 private:
  void tell(bool& what);
  bool comes_true(const bool& what);
  void wait_until_left(const http::Request& request);
  void wait_for_gate();

  std::atomic<int> answered_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  int slow_ = 0;
  bool is_open_ = false, let_go_ = false, left_ = false;
};

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override { stop(); }

  void start(const http::Limits& limits = {});
  void stop();
  test::HttpReply request(std::string_view method, std::string_view path, std::string_view body = "",
                          std::string_view headers = "") const;
  /// What is answered to these very bytes.
  test::HttpReply reply_to(std::string_view bytes) const;

  Echo echo_;
  std::optional<Server> server_;
  int port_ = 0;
};

}  // namespace tekio::serve
