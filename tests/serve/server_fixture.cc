#include "server_fixture.h"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

namespace tekio::serve {

using std::chrono::milliseconds;

bool Echo::admit(const http::Request& head, http::Reply& refusal) {
  if (head.path == "/opening") wait_for_gate();
  const bool has_token = head.path != "/token" || head.authorization == "Bearer secret";
  if (head.path != "/refused" && head.method != "BREW" && has_token) return true;
  refusal.status = head.method == "BREW" ? 405 : 401;
  refusal.body = "refused";
  return false;
}

http::Reply Echo::answer(http::Request& request) {
  http::Reply reply;
  reply.body = request.method == "POST" ? request.body : request.path;
  if (request.path == "/names") reply.body = request.host + " " + request.origin;
  if (request.path == "/large") reply.body.assign(16 << 20, 'x');
  if (request.path == "/slow") wait_for_gate();
  if (request.path == "/nap") std::this_thread::sleep_for(milliseconds(20));
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

http::Reply Echo::error(int status) {
  http::Reply reply;
  reply.status = status;
  reply.body = "error " + std::to_string(status);
  return reply;
}

void Echo::wait_for_slow(int count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return slow_ >= count; });
}

void Echo::tell(bool& what) {
  {
    const std::lock_guard lock(mutex_);
    what = true;
  }
  changed_.notify_all();
}

bool Echo::comes_true(const bool& what) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return what; });
}

void Echo::wait_until_left(const http::Request& request) {
  if (request.has_left()) return;  // the client is still there: this is to be false at first
  wait_for_gate();
  for (int i = 0; i < 10'000 && !request.has_left(); ++i) std::this_thread::sleep_for(milliseconds(1));
  if (request.has_left()) tell(left_);
}

void Echo::wait_for_gate() {
  std::unique_lock lock(mutex_);
  ++slow_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return is_open_; });
}

void ServerTest::SetUp() {
  if (std::string_view(TEKIO_HTTP_MODULE_FILE).empty()) GTEST_SKIP() << "this build has no HTTP module";
  ::setenv("TEKIO_HTTP_MODULE", TEKIO_HTTP_MODULE_FILE, 1);
}

void ServerTest::start(const http::Limits& limits) {
  server_.emplace("127.0.0.1", 0, limits);
  port_ = server_->port();
  server_->start(echo_);
}

void ServerTest::stop() {
  echo_.open_gate();
  if (server_) server_->stop();
}

test::HttpReply ServerTest::request(std::string_view method, std::string_view path, std::string_view body,
                                    std::string_view headers) const {
  return test::http_request(port_, method, path, body, headers);
}

test::HttpReply ServerTest::reply_to(std::string_view bytes) const {
  test::HttpClient client(port_);
  client.send(bytes);
  return client.read();
}

}  // namespace tekio::serve
