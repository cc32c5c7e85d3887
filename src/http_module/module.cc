#include "http_module/module.h"

#include <httplib.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <regex>
#include <thread>
#include <utility>
#include <vector>

#include "http_module/connection.h"
#include "http_module/crowd.h"
#include "http_module/framing.h"
#include "http_module/large_bodies.h"
#include "http_module/listener.h"
#include "http_module/workers.h"

namespace tekio::http {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kScheme = "http://";
constexpr size_t kAtOnce = 64;  // clients that are taken in, or cut, before others are looked at
constexpr uint64_t kOtherDescriptors = 100;
constexpr uint64_t kSpare = 8;  // threads for what is urgent

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

/// Of this thread: a request and its answer.
struct Exchange {
  Connection* connection = nullptr;
  Reader* reader = nullptr;
  Clock::time_point begun = Clock::now();
  Request request;
  bool has_body = false;
  bool is_admitted = false;  ///< what its head says was looked at
  bool is_read = false;      ///< wholly; else what is left of it would pass for a further request
  bool closes = false;       ///< the answer is the connection's last
  bool is_old = false;       ///< of HTTP/1.0, whose clients are told that a connection stays
  std::shared_ptr<void> held = {};
  std::function<bool()> is_wanted = {};
};
thread_local Exchange exchange;

/// Of the absolute form of a request's target; empty where that has another one.
std::string_view authority_of(std::string_view target) {
  if (!is_word(target.substr(0, kScheme.size()), kScheme)) return {};
  const std::string_view rest = target.substr(kScheme.size());
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  return authority.find('%') == std::string_view::npos ? authority : "";
}

/// How many bytes follow a head. None where they come in chunks. Refused, by `status`: what two readers could
/// understand as two sizes.
std::optional<uint64_t> body_size(const Head& head, bool is_http_1_1, uint64_t most, int& status) {
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
  const bool is_number = !length.empty() && length.find_first_not_of("0123456789") == std::string::npos;
  if (lengths.size() > 1 || !is_number)
    status = 400;
  else if (length.size() > 18 || std::stoull(length) > most)
    status = 413;
  return status == 0 ? std::stoull(length) : 0;
}

/// What a head that body_size() has passed says; 0 where it says nothing.
uint64_t length_of(const Head& head) {
  const std::string length = head.value("content-length");
  return length.empty() ? 0 : std::stoull(length);
}

/// Of the body, as httplib takes it apart.
bool has_known_encoding(const Head& head) {
  const std::vector<std::string> encodings = head.values("content-encoding");
  return encodings.empty() ||
         (encodings.size() == 1 && std::ranges::any_of(std::array{"gzip", "deflate", "identity"},
                                                       [&](const char* each) { return is_word(encodings[0], each); }));
}

class HttplibServer final : public Server, private httplib::Server {
 public:
  explicit HttplibServer(const Limits& limits)
      : limits_(limits), large_bodies_(limits.large_bodies, limits.large, limits.hurry) {
    set_pre_routing_handler([this](const httplib::Request& asked, httplib::Response& response) {
      return answer_head(asked, response) ? HandlerResponse::Handled : HandlerResponse::Unhandled;
    });
    set_expect_100_continue_handler([this](const httplib::Request& asked, httplib::Response& response) {
      return refuse_head(asked, response) ? response.status : 100;
    });
    Post(".*", [this](const httplib::Request&, httplib::Response& response, const httplib::ContentReader& reader) {
      answer_body(response, reader);
    });
    set_error_handler([this](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty() || answer_other_method(response)) return;
      if (response.status == 400 && exchange.connection->is_late()) response.status = 408;
      if (response.status == 400 && exchange.connection->head().is_too_long()) response.status = 431;
      fill(response, handler_->error(response.status));
    });
    set_post_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      if (!exchange.is_read || is_last_answer(*exchange.connection)) exchange.closes = true;
      response.headers.erase("Keep-Alive");
      response.headers.erase("Connection");
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
    while (!stops_) {
      changed_.silence();
      take_in(crowd, most);
      give(crowd, workers);
      if (crowd.size() >= most) crowd.drop(kAtOnce, limits_.hurry);
      listener_.wait(changed_, crowd.size() < most, !crowd.is_empty());
    }
    // Who had connected by now is served; whoever connects again meets no server.
    for (int client = listener_.accept(); client >= 0; client = listener_.accept()) crowd.add(client);
    listener_.close();
    for (;;) {
      changed_.silence();
      give(crowd, workers);
      if (crowd.is_empty()) break;
      listener_.wait(changed_, false, true);
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
    const uint64_t others = limits_.connections + kOtherDescriptors;
    const uint64_t left = descriptors.rlim_cur > others ? descriptors.rlim_cur - others : 0;
    return std::clamp<uint64_t>(left, std::min<uint64_t>(limits_.crowd, 16), limits_.crowd);
  }

  /// Some of those who have connected.
  void take_in(Crowd& crowd, size_t most) {
    for (size_t i = 0; i < kAtOnce && crowd.size() < most; ++i) {
      if (const int client = listener_.accept(); client >= 0)
        crowd.add(client);
      else if (errno == EAGAIN || errno == EWOULDBLOCK)
        return;
      else if (crowd.sort(); crowd.drop(1, limits_.hurry) == 0)  // no descriptors or no memory just now
        return std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  /// Gives clients to threads, as far as there are any; where some are left, those that are served hurry. A quarter of
  /// the threads are for those whose request has come. Where all are taken, what is urgent has its own.
  void give(Crowd& crowd, Workers& workers) {
    crowd.sort();
    while (!crowd.is_empty() && workers.busy() < limits_.connections &&
           (crowd.is_next_whole() || stops_ || readers_ < limits_.connections - limits_.connections / 4)) {
      if (!give(crowd.next(), false, workers)) break;
      crowd.pop();
    }
    while (workers.busy() >= limits_.connections && crowd.next_urgent() >= 0) {
      if (!give(crowd.next_urgent(), true, workers)) break;
      crowd.pop_urgent();
    }
    is_crowded_ = !crowd.is_empty();
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
      while (connection.wait_for_request()) {
        exchange = {};
        exchange.connection = &connection;
        exchange.reader = &reader;
        exchange.closes = is_spare;
        bool closes = false;  // as httplib understands it
        const bool is_ok =
            process_request(connection, false, closes, [](httplib::Request& asked) { take_head(asked); });
        exchange.held.reset();
        if (!is_ok) break;
        if (!exchange.closes) continue;
        if ((!exchange.is_read || connection.has_unread()) && !is_spare) connection.linger();
        break;
      }
    } catch (const std::exception&) {  // no memory: the connection is closed, as it is when a client leaves
    }
    exchange = {};
  }

  static void take_head(httplib::Request& asked) {
    exchange.connection->begin_body();
    exchange.begun = Clock::now();
    const Head& head = exchange.connection->head();
    take_request(asked.method, asked.path);
    if (head.has("connection", "close") || (exchange.is_old && !head.has("connection", "keep-alive")))
      exchange.closes = true;
    if (const std::string_view authority = authority_of(asked.target); !authority.empty()) {
      exchange.request.host = authority;
      exchange.request.path.erase(0, kScheme.size() + authority.size());
      if (exchange.request.path.empty()) exchange.request.path = "/";
    }
    // What httplib would do by itself: send parts of a page, compress each answer, and compare the path with a regular
    // expression, whose depth is the path's length.
    asked.ranges.clear();
    asked.headers.erase("Accept-Encoding");
    lower(asked, "Content-Encoding");
    lower(asked, "Expect");
    if (exchange.is_old) asked.headers.erase("Expect");
    asked.path = "/";
  }

  /// httplib compares it by case.
  static void lower(httplib::Request& asked, const char* name) {
    const auto found = asked.headers.find(name);
    if (found != asked.headers.end())
      for (char& c : found->second)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }

  static void take_request(const std::string& method, const std::string& path) {
    const Head& head = exchange.connection->head();
    exchange.is_old = !exchange.connection->line().ends_with(" HTTP/1.1\r\n");
    exchange.request = {.method = method,
                        .path = path,
                        .host = head.value("host"),
                        .origin = head.value("origin"),
                        .authorization = head.value("authorization"),
                        .has_left = [connection = exchange.connection] { return connection->has_left(); }};
  }

  /// Whether it has one header that says so, which HTTP/1.0 may lack.
  static bool names_a_host() {
    const std::vector<std::string> hosts = exchange.connection->head().values("host");
    return exchange.is_old ? hosts.size() <= 1 : hosts.size() == 1 && !hosts.front().empty();
  }

  static void was_read() {
    exchange.is_read = true;
    exchange.reader->end();
  }

  /// Answers what has no body, or is refused by its head alone. False: the body is to be read.
  bool answer_head(const httplib::Request& asked, httplib::Response& response) {
    if (refuse_head(asked, response)) return true;
    if (asked.method == "POST" && exchange.has_body) return false;
    fill(response, handler_->answer(exchange.request));
    return true;
  }

  /// Answers what is refused by its head alone, once. False: it is not.
  bool refuse_head(const httplib::Request& asked, httplib::Response& response) {
    if (exchange.is_admitted) return false;
    Reply reply;
    int status = 0;
    const Head& head = exchange.connection->head();
    const std::optional<uint64_t> size = body_size(head, !exchange.is_old, limits_.body, status);
    if (!names_a_host()) status = 400;
    exchange.has_body = size != 0;
    if (status == 0 && !exchange.has_body) was_read();
    if (status == 0 && (asked.is_multipart_form_data() || !has_known_encoding(head))) status = 415;
    if (status != 0) {  // before the handler, which may wait
      reply = handler_->error(status);
      reply.status = status;
    } else if (handler_->admit(exchange.request, reply)) {
      exchange.is_admitted = true;
      return false;
    }
    fill(response, std::move(reply));
    return true;
  }

  /// Where httplib refused a request's line (by 400) for its method alone, which may be any word: the handler's
  /// refusal.
  bool answer_other_method(httplib::Response& response) {
    static const std::regex line("(?!(?:GET|HEAD|POST) )([A-Z]{1,20}) (/[^ ?#]{0,200})[^ ]{0,200} HTTP/1\\.[01]\r\n");
    std::smatch parts;
    Reply reply;
    Connection& connection = *exchange.connection;
    if (response.status != 400 || !connection.head().has_only_line() || connection.line().size() > 500 ||
        !std::regex_match(connection.line(), parts, line) || !connection.read_head())
      return false;
    take_request(parts[1], parts[2]);
    if (!names_a_host() || handler_->admit(exchange.request, reply)) return false;
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
    const uint64_t length = length_of(exchange.connection->head());
    int status = 400;
    exchange.connection->begin_time();  // who was made to wait is not late
    const bool is_whole = reader([&](const char* bytes, size_t size) {
      const uint64_t all = body.size() + size;
      if (all > limits_.body) {  // chunks have no size beforehand, nor has what was compressed
        status = 413;
        return false;
      }
      if (all > limits_.large && !large.grow(all, std::max(all, length))) return false;
      body.append(bytes, size);
      return true;
    });
    if (const bool has_room = large.end(); !has_room || !is_whole) {
      response.status = has_room ? status : 429;
      return;
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
    response.set_chunked_content_provider(reply.type,
                                          [this, next = std::move(reply.stream)](size_t, httplib::DataSink& sink) {
                                            std::string piece;
                                            while (!stops_ && next(piece)) {
                                              if (piece.empty()) continue;
                                              return sink.write(piece.data(), piece.size());
                                            }
                                            sink.done();
                                            return true;
                                          });
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
