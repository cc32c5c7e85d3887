// What a client sends to tekio serve: any bytes, on a connection of their own, are answered by HTTP or by closing it,
// and what the server says of an error is JSON. The first byte decides where the rest is cut into two sends.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "base/json.h"
#include "fuzz.h"
#include "http_module/module.h"
#include "serve/service.h"

namespace {

using namespace tekio;

void check(bool holds) {
  if (!holds) std::abort();
}

/// The service, and what holds for all of its replies.
class Checked final : public http::Handler {
 public:
  explicit Checked(serve::Service& service) : service_(service) {}
  bool admit(const http::Request& head, http::Reply& refusal) override {
    const bool is_admitted = service_.admit(head, refusal);
    if (!is_admitted) check_error(refusal);
    return is_admitted;
  }
  http::Reply answer(http::Request& request) override {
    http::Reply reply = service_.answer(request);
    if (reply.status != 200) check_error(reply);
    return reply;
  }
  http::Reply error(int status) override {
    http::Reply reply = service_.error(status);
    check_error(reply);
    return reply;
  }
  void answered(const http::Request& request, int status, double seconds) override {
    service_.answered(request, status, seconds);
  }

 private:
  static void check_error(const http::Reply& reply) {
    check(reply.status >= 400 && parse_json(reply.body, "error").at("error").is_string());
  }
  serve::Service& service_;
};

/// A model that has each text's own words in its masks.
serve::ServedModel echo() {
  return {.name = "org/model",
          .family = "BERT",
          .mask_token = "[MASK]",
          .dtype = "f32",
          .vocabulary = 100,
          .max_length = 16,
          .answer_size = [](const std::string& text, uint64_t predictions) { return 100 * predictions + text.size(); },
          .desk = std::make_unique<serve::Desk>(
              [](std::span<const std::string> texts, const FillOptions&) {
                serve::Filled filled;
                for (const std::string& text : texts) {
                  if (text.empty()) throw serve::Refusal(400, "no mask");
                  filled.push_back({{{.score = 0.5f, .token = 1, .token_str = text, .sequence = text}}});
                }
                return filled;
              },
              [](const std::string& text) { return !text.empty(); })};
}

/// So small that what a fuzzer writes is over them; who stands still makes room for the next one at once.
const http::Limits kLimits{.hurry = std::chrono::milliseconds(1), .body = 4'000, .large = 100, .large_bodies = 600};

/// A server as `tekio serve` has it, for as long as the process lives.
int start_server() {
  std::vector<serve::ServedModel> models;
  models.push_back(echo());
  auto* service = new serve::Service({.hosts = {"localhost"}, .token = ""});
  service->open(std::move(models));
  auto* handler = new Checked(*service);
  std::string problem;
  http::Server* server = tekio_http_make_server("127.0.0.1", 0, kLimits, problem);
  check(server != nullptr);
  std::thread([=] { server->run(*handler); }).detach();
  return server->port();
}

/// libFuzzer looks at its clock by signals.
template <typename Call>
auto uninterrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

int connected_to(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int result = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (result < 0 && errno == EINTR) {  // it goes on by itself
    pollfd wanted{.fd = socket, .events = POLLOUT, .revents = 0};
    result = uninterrupted([&] { return ::poll(&wanted, 1, -1); }) == 1 ? 0 : -1;
  }
  check(result == 0);
  return socket;
}

void send(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = uninterrupted([&] { return ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
    if (sent <= 0) return;  // it was refused before its end
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

void check_reply(const std::string& received) { check(received.empty() || received.starts_with("HTTP/1.1 ")); }

std::string reply_of(int socket) {
  ::shutdown(socket, SHUT_WR);  // so that the server waits for nothing further
  std::string received;
  char piece[16 << 10];
  for (;;) {
    const ssize_t got = uninterrupted([&] { return ::recv(socket, piece, sizeof piece, 0); });
    if (got <= 0) break;
    received.append(piece, static_cast<size_t>(got));
  }
  ::close(socket);
  return received;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int port = start_server();
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::as_text(data + 1, size - 1);
  const size_t cut = bytes.size() * (data[0] >> 1) / 127;
  const bool are_two = (data[0] & 1) != 0;

  const int first = connected_to(port), second = are_two ? connected_to(port) : first;
  send(first, bytes.substr(0, cut));
  if (are_two) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the first one's is mostly being read then
  send(second, bytes.substr(cut));
  if (are_two) check_reply(reply_of(second));
  check_reply(reply_of(first));
  return 0;
}
