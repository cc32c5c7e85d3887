#include "http_module/module.h"

#include <httplib.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "http_module/connection.h"
#include "http_module/crowd.h"
#include "http_module/farewells.h"
#include "http_module/framing.h"
#include "http_module/large_bodies.h"
#include "http_module/listener.h"
#include "http_module/target.h"
#include "http_module/workers.h"

namespace tekio::http {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kAtOnce = 64;  // clients that are taken in, or cut, before others are looked at
constexpr uint64_t kOtherDescriptors = 100;
constexpr uint64_t kSpare = 8;      // threads for what is urgent
constexpr uint64_t kLeaving = 128;  // clients that are still read once they were answered

/// One of the connections whose request is being read, until it is.
class Reader {
 public:
  /// Counted already.
  explicit Reader(std::atomic<uint64_t>& readers) : readers_(&readers) {}
  ~Reader() { end(); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  void end() {
    if (readers_ != nullptr) --*std::exchange(readers_, nullptr);
  }

 private:
  std::atomic<uint64_t>* readers_;
};

/// Connections on their way from threads to run().
class Sockets {
 public:
  Sockets() = default;
  ~Sockets() {
    for (const int socket : sockets_) ::close(socket);
  }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;
  void add(int socket) {
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
  }
  std::vector<int> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(sockets_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<int> sockets_;
};

/// Of this thread: a request and its answer.
struct Exchange {
  Connection* connection = nullptr;
  Reader* reader = nullptr;
  Clock::time_point begun = Clock::now();
  Request request;
  int refused = 0;               ///< the status by which its head alone is refused, by what HTTP and the limits say
  std::optional<uint64_t> size;  ///< of its body; none: it comes in chunks
  bool is_admitted = false;      ///< the handler has seen what its head says
  bool is_read = false;          ///< wholly; else what is left of it would pass for a further request
  bool closes = false;           ///< the answer is the connection's last
  bool is_old = false;  ///< of HTTP/1.0, which knows no chunks, and whose clients are told that a connection stays
  std::shared_ptr<void> held = {};
  std::function<bool()> is_wanted = {};

  bool takes_body() const { return refused == 0 && request.method == "POST" && size != 0; }
};
thread_local Exchange exchange;

/// How many bytes follow a head. None where they come in chunks. Refused, by `status`: what two readers could
/// understand as two sizes.
std::optional<uint64_t> body_size(const Head& head, bool is_http_1_1, int& status) {
  const std::vector<std::string> lengths = head.values("content-length"), codings = head.values("transfer-encoding");
  if (!codings.empty()) {
    if (!lengths.empty() || !is_http_1_1)
      status = 400;
    else if (codings.size() > 1 || !is_word(codings.front(), "chunked"))
      status = 501;
    return std::nullopt;
  }
  if (lengths.empty()) return 0;
  const std::string& length = lengths.front();
  if (lengths.size() > 1 || length.empty() || length.find_first_not_of("0123456789") != std::string::npos) {
    status = 400;
    return std::nullopt;
  }
  return length.size() > 18 ? UINT64_MAX : std::stoull(length);  // more than any limit
}

/// Of the body, as httplib takes it apart.
constexpr std::string_view kEncodings[] = {"gzip", "x-gzip", "deflate", "identity"};

/// The body is what JSON can be in.
bool has_known_form(const Head& head) {
  constexpr std::string_view kForm = "multipart/form-data";
  const std::vector<std::string> encodings = head.values("content-encoding");
  const bool is_known =
      encodings.empty() || (encodings.size() == 1 && std::ranges::any_of(kEncodings, [&](std::string_view each) {
                              return is_word(encodings.front(), each);
                            }));
  return is_known && !is_word(std::string_view(head.value("content-type")).substr(0, kForm.size()), kForm);
}

/// A host that the address or a header may name: no blank, and nothing that parts an address.
bool is_host(std::string_view host) { return !host.empty() && host.find_first_of(" \t/?#@\\\"<>^`{|}") == host.npos; }

/// "Sun, 06 Nov 1994 08:49:37 GMT": now.
std::string date() {
  const std::time_t now = std::time(nullptr);
  std::tm time{};
  ::gmtime_r(&now, &time);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &time)};
}

class HttplibServer final : public Server, private httplib::Server {
 public:
  explicit HttplibServer(const Limits& limits)
      : limits_(limits), large_bodies_(limits.large_bodies, limits.large, limits.hurry) {
    set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      return answer_head(response) ? HandlerResponse::Handled : HandlerResponse::Unhandled;
    });
    set_expect_100_continue_handler([this](const httplib::Request&, httplib::Response& response) {
      return refuse_head(response) ? response.status : 100;
    });
    Post(".*", [this](const httplib::Request&, httplib::Response& response, const httplib::ContentReader& reader) {
      answer_body(response, reader);
    });
    set_error_handler([this](const httplib::Request&, httplib::Response& response) {
      if (response.body.empty()) fill(response, error(response.status));
    });
    set_post_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      if (!exchange.is_read || is_last_answer(*exchange.connection)) exchange.closes = true;
      for (const char* name : {"Keep-Alive", "Connection", "Accept-Ranges"}) response.headers.erase(name);
      response.set_header("Date", date());  // caches count an answer's age from it
      if (exchange.closes || exchange.is_old)
        response.set_header("Connection", exchange.closes ? "close" : "keep-alive");
    });
    set_logger([this](const httplib::Request&, const httplib::Response& response) {
      handler_->answered(exchange.request, response.status,
                         std::chrono::duration<double>(Clock::now() - exchange.begun).count());
    });
  }

  bool bind(const std::string& host, int port, std::string& problem) {
    const bool is_bound = listener_.bind(host, port, problem);
    svr_sock_ = listener_.socket();  // httplib writes no stream where it has none
    return is_bound;
  }
  int port() const override { return listener_.port(); }
  bool is_loopback() const override { return listener_.is_loopback(); }

  void run(http::Handler& handler) override {
    handler_ = &handler;
    const size_t most = most_that_wait();
    Workers workers(limits_.connections + kSpare, [this] { changed_.ring(); });
    Crowd crowd(limits_.urgent);
    const auto go_on = [&](bool takes_in) {
      changed_.silence();
      for (const int client : idle_.take()) crowd.add(client);
      if (takes_in) take_in(crowd, most);
      give(crowd, workers);
      farewells_.go_on();
    };
    while (!stops_) {
      go_on(true);
      crowd.close_silent(limits_.idle);
      if (crowd.size() >= most) crowd.drop(kAtOnce, limits_.hurry);
      listener_.wait(changed_, crowd.size() < most, !crowd.is_empty() || !farewells_.is_empty());
    }
    // Who had connected by now is served; whoever connects again meets no server.
    for (int client = listener_.accept(); client >= 0; client = listener_.accept()) crowd.add(client);
    listener_.close();
    for (;;) {
      go_on(false);
      if (crowd.is_empty() && workers.busy() == 0 && farewells_.is_empty()) break;
      listener_.wait(changed_, false, !crowd.is_empty() || !farewells_.is_empty());
    }
  }

  void stop() override {
    stops_ = true;
    bell_.ring();
    changed_.ring();
  }

 private:
  /// As many as descriptors are left for.
  size_t most_that_wait() const {
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return limits_.crowd;
    const uint64_t others = limits_.connections + kLeaving + kOtherDescriptors;
    const uint64_t left = descriptors.rlim_cur > others ? descriptors.rlim_cur - others : 0;
    return std::clamp<uint64_t>(left, std::min<uint64_t>(limits_.crowd, 16), limits_.crowd);
  }

  /// Some of those who have connected.
  void take_in(Crowd& crowd, size_t most) {
    lacks_descriptors_ = false;
    for (size_t i = 0; i < kAtOnce && crowd.size() < most; ++i) {
      if (const int client = listener_.accept(); client >= 0) {
        crowd.add(client);
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      lacks_descriptors_ = true;  // or memory, just now
      crowd.sort();
      if (crowd.drop(1, limits_.hurry) == 0) return std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  /// Gives clients to threads, as far as there are any; where some are left, those that are served hurry. A quarter of
  /// the threads are for those whose request has come. Where all are taken, what is urgent has its own.
  void give(Crowd& crowd, Workers& workers) {
    crowd.sort();
    while (workers.busy() < limits_.connections) {
      const bool may_read = readers_ < limits_.connections - limits_.connections / 4;
      const auto whose = stops_ ? Crowd::Whose::any : may_read ? Crowd::Whose::begun : Crowd::Whose::whole;
      const int client = crowd.next(whose, limits_.hurry);
      if (client < 0 || !give(client, false, workers)) break;
      crowd.pop();
    }
    while (workers.busy() >= limits_.connections && crowd.next_urgent() >= 0) {
      if (!give(crowd.next_urgent(), true, workers)) break;
      crowd.pop_urgent();
    }
    is_crowded_ = crowd.some_wait() || lacks_descriptors_;
    is_crowded_ ? bell_.ring() : bell_.silence();
    if (stops_) bell_.ring();
  }

  bool give(int socket, bool is_spare, Workers& workers) {
    ++readers_;
    const bool is_given = workers.give([this, socket, is_spare] { serve(socket, is_spare); });
    if (!is_given) --readers_;
    return is_given;
  }

  /// Whether the answer that is about to be sent is its connection's last. Where others wait for a thread, a connection
  /// is given up after each answer, so that all have their turn; at the end, once what had come is answered.
  bool is_last_answer(Connection& connection) const { return stops_ ? !connection.owes_answers() : is_crowded_.load(); }

  /// `is_spare`: by a thread that is kept for what is urgent, for one request.
  void serve(int socket, bool is_spare) {
    Reader reader(readers_);
    Connection connection(socket, limits_, bell_,
                          [this] { return !stops_ && (is_crowded_ || (exchange.is_wanted && exchange.is_wanted())); });
    try {
      while (connection.wait_for_request(stops_)) {
        exchange = {};
        exchange.connection = &connection;
        exchange.reader = &reader;
        exchange.closes = is_spare;
        if (!take_head()) break;
        bool closes = false;  // as httplib understands it
        const bool is_ok = process_request(connection, false, closes, nullptr);
        exchange.held.reset();
        if (!is_ok) break;
        if (!exchange.closes) continue;
        if (!exchange.is_read || connection.has_unread()) farewells_.add(connection.release());
        break;
      }
      if (connection.gives_way()) idle_.add(connection.release());
    } catch (const std::exception&) {  // no memory: the connection is closed, as it is when a client leaves
    }
    exchange = {};
  }

  /// Reads the request's head, and says to httplib what is left to do. False: none has begun.
  bool take_head() const {
    Connection& connection = *exchange.connection;
    const bool is_plain = connection.read_head();
    const Head& head = connection.head();
    if (!head.has_begun()) return false;
    exchange.begun = Clock::now();
    exchange.request.method = head.has_line() ? head.method() : "";
    if (is_plain)
      take_request(head);
    else
      exchange.refused = connection.is_late() ? 408 : !head.is_too_long() ? 400 : head.has_line() ? 431 : 414;
    connection.begin_body(plain_head(head));
    return true;
  }

  void take_request(const Head& head) const {
    exchange.is_old = head.is_http_1_0();
    if (head.has("connection", "close") || (exchange.is_old && !head.has("connection", "keep-alive")))
      exchange.closes = true;
    Target target = parse_target(head.target());
    const std::vector<std::string> hosts = head.values("host");
    exchange.request = {.method = head.method(),
                        .path = std::move(target.path),
                        .host = target.authority.empty() ? head.value("host") : std::move(target.authority),
                        .origin = head.value("origin"),
                        .authorization = head.value("authorization"),
                        .has_left = [connection = exchange.connection] { return connection->has_left(); }};
    // HTTP/1.0 may lack a host.
    const bool is_for_one = hosts.size() == 1 ? is_host(hosts.front()) : hosts.empty() && exchange.is_old;
    exchange.size = body_size(head, !exchange.is_old, exchange.refused);
    if (!is_for_one || (!exchange.request.host.empty() && !is_host(exchange.request.host))) exchange.refused = 400;
    if (exchange.takes_body()) {
      if (exchange.size.value_or(0) > limits_.body)
        exchange.refused = 413;
      else if (!has_known_form(head))
        exchange.refused = 415;
    }
    if (exchange.refused == 0 && exchange.size == 0) was_read();
  }

  /// What httplib is to read: whether to answer by a head alone, and a body's size and form.
  static std::string plain_head(const Head& head) {
    const bool takes_body = exchange.takes_body();
    std::string plain = takes_body ? "POST" : exchange.request.method == "HEAD" ? "HEAD" : "GET";
    plain += " / HTTP/1.1\r\n";
    if (!takes_body) return plain + "\r\n";
    plain += exchange.size ? "Content-Length: " + std::to_string(*exchange.size) : "Transfer-Encoding: chunked";
    for (const std::string_view each : kEncodings)
      if (is_word(head.value("content-encoding"), each))
        plain.append("\r\nContent-Encoding: ").append(each.starts_with("x-") ? each.substr(2) : each);
    if (!exchange.is_old && head.has("expect", "100-continue")) plain += "\r\nExpect: 100-continue";
    return plain + "\r\n\r\n";
  }

  static void was_read() {
    exchange.is_read = true;
    exchange.reader->end();
  }

  Reply error(int status) {
    Reply reply = handler_->error(status);
    reply.status = status;
    return reply;
  }

  /// Answers what has no body, or is refused by its head alone. False: the body is to be read.
  bool answer_head(httplib::Response& response) {
    if (refuse_head(response)) return true;
    if (exchange.takes_body()) return false;
    fill(response, handler_->answer(exchange.request));
    return true;
  }

  /// Answers what is refused by its head alone, once. False: it is not.
  bool refuse_head(httplib::Response& response) {
    if (exchange.is_admitted) return false;
    Reply reply;
    if (exchange.refused != 0) {  // before the handler, which may wait
      reply = error(exchange.refused);
    } else if (handler_->admit(exchange.request, reply)) {
      exchange.is_admitted = true;
      return false;
    }
    fill(response, std::move(reply));
    return true;
  }

  void answer_body(httplib::Response& response, const httplib::ContentReader& reader) {
    std::string& body = exchange.request.body;
    LargeBodies::Body large(large_bodies_, [connection = exchange.connection] { connection->cut(); });
    const std::shared_ptr<void> memory(nullptr, [&](void*) {  // before its room is another's
      std::string().swap(body);
      if (large.is_large()) ::malloc_trim(0);  // each thread would keep what it took for its largest request
    });
    int status = 400;
    exchange.connection->begin_time();  // who was made to wait is not late
    const bool is_whole = reader([&](const char* bytes, size_t size) {
      const uint64_t all = body.size() + size;
      if (all > limits_.body) {  // chunks have no size beforehand, nor has what was compressed
        status = 413;
        return false;
      }
      if (all > limits_.large && !large.grow(all, std::max(all, exchange.size.value_or(0)))) return false;
      body.append(bytes, size);
      return true;
    });
    if (const bool has_room = large.end(); !has_room || !is_whole) {
      const bool is_late = status == 400 && exchange.connection->is_late();
      return fill(response, error(!has_room ? 429 : is_late ? 408 : status));
    }
    was_read();
    fill(response, handler_->answer(exchange.request));
  }

  void fill(httplib::Response& response, Reply reply) {
    response.status = reply.status;
    for (const auto& [name, value] : reply.headers) response.set_header(name, value);
    exchange.held = std::move(reply.held);
    exchange.is_wanted = std::move(reply.is_wanted);
    if (!reply.stream) {
      response.set_header("Content-Type", reply.type);
      response.body = std::move(reply.body);  // set_content() would copy it
      return;
    }
    exchange.closes = true;
    exchange.connection->begin_stream();
    const auto send = [this, next = std::move(reply.stream)](size_t, httplib::DataSink& sink) {
      std::string piece;
      for (bool is_end = false; !is_end;) {
        is_end = stops_;  // what came last is still sent
        if (!next(piece)) break;
        if (piece.empty()) continue;
        const bool is_sent = sink.write(piece.data(), piece.size());
        if (!is_end || !is_sent) return is_sent;
      }
      sink.done();
      return true;
    };
    if (exchange.is_old)
      response.set_content_provider(reply.type, send);  // which ends with the connection
    else
      response.set_chunked_content_provider(reply.type, send);
  }

  const Limits limits_;
  http::Handler* handler_ = nullptr;
  LargeBodies large_bodies_;
  std::atomic<bool> stops_{false}, is_crowded_{false};
  std::atomic<uint64_t> readers_{
      0};         // connections that have or will have a thread, and whose first request was not read
  Bell bell_;     // for those that are served
  Bell changed_;  // for run(): a thread is free, or it is to stop
  Listener listener_;
  bool lacks_descriptors_ = false;  // the last client could not be taken in
  Sockets idle_;                    // kept, but without a thread
  Farewells farewells_{kLeaving};
};

}  // namespace
}  // namespace tekio::http

int32_t tekio_http_module_version() { return tekio::http::kModuleVersion; }

tekio::http::Server* tekio_http_make_server(const std::string& host, int port, const tekio::http::Limits& limits,
                                            std::string& problem) {
  try {
    auto server = std::make_unique<tekio::http::HttplibServer>(limits);
    if (server->bind(host, port, problem)) return server.release();
  } catch (const std::exception& error) {
    problem = error.what();
  }
  return nullptr;
}
