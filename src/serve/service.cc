#include "serve/service.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <span>
#include <string_view>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "serve/assets.h"

namespace tekio::serve {
namespace {

constexpr std::string_view kModels = "/models/";
constexpr size_t kLargeBody = 64'000;
constexpr int kMostStreams = 32;  // each has a thread of the server's
constexpr std::chrono::milliseconds kLookAgain{250};
constexpr int kQuiet =
    40;  // looks without anything new, after which a comment is sent: so a client that left is noticed

struct Asset {
  const char* path;
  const std::string_view& text;
  const char* type;
};
const Asset kAssets[] = {{"/", assets::kPage, "text/html; charset=utf-8"},
                         {"/page.js", assets::kScript, "text/javascript; charset=utf-8"},
                         {"/page.css", assets::kStyle, "text/css; charset=utf-8"}};

const Asset* asset_at(const std::string& path) {
  const auto found = std::ranges::find_if(kAssets, [&](const Asset& asset) { return path == asset.path; });
  return found == std::end(kAssets) ? nullptr : &*found;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool is_known(const std::string& path) {
  static constexpr const char* kOwn[] = {"/health", "/metrics", "/models", "/events", "/openapi.json"};
  return std::ranges::find(kOwn, path) != std::end(kOwn) || asset_at(path) != nullptr;
}

/// What is told from the models that are served.
bool needs_models(const std::string& path) {
  return std::ranges::find(kUrgent, path) == std::end(kUrgent) && asset_at(path) == nullptr;
}

bool asks_model(const std::string& path) { return path.starts_with(kModels) && path.size() > kModels.size(); }

http::Reply refusal(int status, std::string_view sentence) {
  http::Reply reply{.status = status, .type = "application/json", .body = error_body(sentence), .headers = {}};
  if (status == 429 || status == 503) reply.headers = {{"Retry-After", "1"}};
  return reply;
}

http::Reply text_reply(const char* type, std::string body) {
  return {.status = 200, .type = type, .body = std::move(body), .headers = {{"X-Content-Type-Options", "nosniff"}}};
}

/// "secret" of "Bearer secret", whose first word has no case.
std::string_view token_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!std::ranges::equal(authorization.substr(0, kScheme.size()), kScheme, {}, lower)) return {};
  const std::string_view rest = authorization.substr(kScheme.size());
  return rest.substr(std::min(rest.find_first_not_of(' '), rest.size()));
}

/// Takes as long whatever `given` is.
bool is_the_token(std::string_view given, std::string_view wanted) {
  unsigned difference = given.size() != wanted.size();
  for (size_t i = 0; i < wanted.size(); ++i)
    difference |= static_cast<unsigned char>(wanted[i] ^ (i < given.size() ? given[i] : '\0'));
  return difference == 0;
}

/// As a regular expression that finds this very text.
std::string pattern_of(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}/").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

/// "localhost" of "LOCALHOST:8080"; empty where what follows the name is no port.
std::string name_of_host(std::string_view host) {
  const size_t end = std::min(host.size(), host.starts_with('[') ? host.find(']') + 1 : host.find(':'));
  const std::string_view port = host.substr(end);
  if (!port.empty() && (port.front() != ':' || port.find_first_not_of("0123456789", 1) != std::string_view::npos))
    return "";
  std::string name(host.substr(0, end));
  std::ranges::transform(name, name.begin(), lower);
  return name;
}

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

void Service::open(std::vector<ServedModel> models, WatchedRun run) {
  {
    const std::lock_guard lock(mutex_);
    models_ = std::move(models);
    run_ = std::move(run);
    state_ = State::open;
  }
  changed_.notify_all();
}

void Service::give_up() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::opening) state_ = State::given_up;
  }
  changed_.notify_all();
}

void Service::refuse_from(std::chrono::steady_clock::time_point time) {
  for (const ServedModel& model : models_) model.desk->refuse_from(time);
}

Service::State Service::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

/// False: there will be none.
bool Service::wait_for_models() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return state_ != State::opening; });
  return state_ == State::open;
}

/// The model at the address /models/NAME.
const ServedModel* Service::find(const std::string& path) const {
  const std::string_view name = std::string_view(path).substr(kModels.size());
  const auto found = std::ranges::find_if(models_, [&](const ServedModel& model) { return model.name == name; });
  return found == models_.end() ? nullptr : &*found;
}

bool Service::is_own_host(std::string_view host) const {
  return std::ranges::find(options_.hosts, name_of_host(host)) != options_.hosts.end();
}

bool Service::is_own_page(std::string_view origin) const {
  for (const std::string_view scheme : {"http://", "https://"})
    if (origin.starts_with(scheme)) return is_own_host(origin.substr(scheme.size()));
  return false;
}

/// Before the body is read: whether there is such a place, and whether the client may use it. Returns when the models
/// are open, where they are needed.
bool Service::admit(const http::Request& head, http::Reply& reply) {
  // Any page in a browser of this machine can send requests here: as a form, or where its name leads here by now.
  if (!options_.hosts.empty() && options_.token.empty() &&
      ((!head.host.empty() && !is_own_host(head.host)) || (!head.origin.empty() && !is_own_page(head.origin)))) {
    reply =
        refusal(403, fmt::format("the request is for {}{}{}; expected this machine's own, as http://localhost, or a "
                                 "server with a token",
                                 printable(head.host, 100), head.origin.empty() ? "" : " from a page of ",
                                 printable(head.origin, 100)));
    return false;
  }
  const bool is_model = asks_model(head.path);
  if (!is_model && !is_known(head.path)) {
    reply = refusal(404, "there is nothing here: the page is at /, and /openapi.json describes the rest");
    return false;
  }
  if (is_model ? head.method != "POST" : head.method != "GET" && head.method != "HEAD") {
    reply = refusal(
        405, fmt::format("{} does nothing here; expected {}", printable(head.method, 20), is_model ? "POST" : "GET"));
    reply.headers = {{"Allow", is_model ? "POST" : "GET, HEAD"}};
    return false;
  }
  const bool is_open = !is_model && head.path != "/models" && head.path != "/events";
  if (!is_open && !options_.token.empty() && !is_the_token(token_of(head.authorization), options_.token)) {
    reply = refusal(401, "expected the server's token, as Authorization: Bearer …");
    reply.headers = {{"WWW-Authenticate", "Bearer"}};
    return false;
  }
  if (needs_models(head.path) && !wait_for_models()) {
    reply = refusal(503, "the server is stopping before its models were open");
    return false;
  }
  if (!is_model || find(head.path) != nullptr) return true;
  reply = refusal(404, fmt::format("there is no model {}: GET /models lists those there are",
                                   printable(head.path.substr(kModels.size()), 200)));
  return false;
}

http::Reply Service::answer(http::Request& request) {
  try {
    if (const Asset* const asset = asset_at(request.path)) {
      http::Reply reply = text_reply(asset->type, std::string(asset->text));
      reply.headers.emplace_back(
          "Content-Security-Policy",
          "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
      return reply;
    }
    if (request.path == "/health") return health();
    if (request.path == "/metrics") return text_reply("text/plain; version=0.0.4; charset=utf-8", metrics_text());
    if (request.path == "/openapi.json") return text_reply("application/json", openapi_text());
    if (request.path == "/models") return text_reply("application/json", models_text());
    if (request.path == "/events") return events(request);
    return fill(request);
  } catch (const Refusal& refused) {
    return refusal(refused.status, refused.what());
  } catch (const std::exception& error) {
    return refusal(500, error.what());
  }
}

/// At once, whatever else is under way: who asks wants to know whether requests may be sent here.
http::Reply Service::health() const {
  const State now = state();
  if (now == State::open) return text_reply("application/json", R"({"status":"ok"})");
  http::Reply reply = refusal(503, "");
  reply.body = now == State::opening ? R"({"status":"opening","error":"the models are not open yet"})"
                                     : R"({"status":"stopping","error":"the server is stopping"})";
  return reply;
}

http::Reply Service::error(int status) {
  switch (status) {
    case 400:
      return refusal(status, "the request is no valid HTTP");
    case 408:
      return refusal(status, "the request took too long to come");
    case 413:
      return refusal(status, "the body is larger than the server takes (--max_body)");
    case 414:
      return refusal(status, "the address is too long");
    case 429:
      return refusal(status, "too many large requests are under way; try again in a second");
    case 431:
      return refusal(status, "the request's headers are too long; expected at most 8 kB each and 64 kB in all");
    case 415:
      return refusal(status, "expected a body of JSON, plain or compressed by gzip or deflate, not a form's parts");
    case 501:
      return refusal(status, "the body is encoded on its way; expected it as it is, or in chunks alone");
    default:
      return refusal(status, "the server could not answer");
  }
}

void Service::answered(const http::Request& request, int status, double seconds) {
  // Never a client's own text: whoever makes up paths would fill the memory.
  const std::string& path = request.path;
  metrics_.answered(asks_model(path) ? "/models/{name}" : is_known(path) ? path : "other", status, seconds);
}

/// Lets go the body: what is asked is kept in the queue, and may have its size again.
FillRequest Service::read(http::Request& request, const ServedModel& model) {
  std::shared_ptr<void> reader;
  if (request.body.size() > kLargeBody) {
    readers_.acquire();
    reader = {nullptr, [this](void*) {
                ::malloc_trim(0);  // each thread would keep what it took for its largest body
                readers_.release();
              }};
  }
  const std::string body = std::move(request.body);
  return parse_fill_request(body, {.vocabulary = model.vocabulary, .size = model.answer_size});
}

http::Reply Service::fill(http::Request& request) {
  const ServedModel& model = *find(request.path);
  Answer answer = model.desk->ask(read(request, model), request.has_left).get();
  http::Reply reply = text_reply("application/json", std::move(answer.body));
  reply.held = std::move(answer.room);
  reply.is_wanted = std::move(answer.is_wanted);
  return reply;
}

std::string Service::models_text() const {
  OrderedJson models = OrderedJson::array(), prompts = OrderedJson::array(), run;
  for (const ServedModel& model : models_)
    models.push_back({{"name", model.name},
                      {"family", model.family},
                      {"mask_token", model.mask_token},
                      {"dtype", model.dtype},
                      {"max_length", model.max_length},
                      {"vocabulary", model.vocabulary}});
  if (!run_.folder.empty()) {
    run = run_.folder.filename().string();
    prompts = run_.prompts.empty() ? prompts_of(run_.folder) : run_.prompts;
  }
  const OrderedJson document = {{"models", models}, {"prompts", prompts}, {"run", run}};
  return document.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

/// The description, with these models' names, the largest of their vocabularies, and the mask where they have the same.
std::string Service::openapi_text() const {
  OrderedJson document = parse_ordered_json(assets::kOpenApi, "openapi.json");
  OrderedJson names = OrderedJson::array();
  for (const ServedModel& model : models_) names.push_back(model.name);
  document["paths"]["/models/{name}"]["post"]["parameters"][0]["schema"]["enum"] = names;
  const std::string& mask = models_.front().mask_token;
  if (std::ranges::all_of(models_, [&](const ServedModel& model) { return model.mask_token == mask; }))
    document["components"]["schemas"]["Text"]["pattern"] = pattern_of(mask);
  document["components"]["schemas"]["Request"]["properties"]["parameters"]["properties"]["top_k"]["maximum"] =
      std::ranges::max_element(models_, {}, &ServedModel::vocabulary)->vocabulary;
  return document.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string Service::metrics_text() const {
  std::string out = metrics_.text();
  const std::span<const ServedModel> models = state() == State::open ? std::span(models_) : std::span<ServedModel>();
  const auto add = [&](const char* name, const char* type, const char* help, auto value) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    for (const ServedModel& model : models)
      out += fmt::format("{}{{model=\"{}\"}} {}\n", name, label(model.name), value(model.desk->counts()));
  };
  add("tekio_texts_total", "counter", "Texts whose masks were filled.", [](const auto& c) { return c.texts; });
  add("tekio_passes_total", "counter", "Batches of texts that were filled.", [](const auto& c) { return c.passes; });
  add("tekio_queue_texts", "gauge", "Texts that wait.", [](const auto& c) { return c.waiting; });
  add("tekio_large_answer_bytes", "gauge", "Bytes of large answers that are waited for or being sent, by estimate.",
      [](const auto& c) { return c.large_bytes; });
  return out + fmt::format(
                   "# HELP process_resident_memory_bytes Memory that the process holds.\n"
                   "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes {}\n",
                   resident_bytes());
}

/// The run's updates and evaluations as they come, as server-sent events.
http::Reply Service::events(const http::Request& request) {
  if (run_.folder.empty()) return refusal(404, "no run is watched: start the server with --run");
  const std::shared_ptr<void> open(nullptr, [streams = streams_](void*) { --*streams; });
  if (++*streams_ > kMostStreams) return refusal(429, "too many watch the run already");
  http::Reply reply = text_reply("text/event-stream", "");
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.headers.emplace_back("X-Accel-Buffering", "no");  // a proxy that gathers pieces would keep the last ones
  reply.stream = [open, has_left = request.has_left, run = std::make_shared<RunEvents>(run_.folder, run_.evaluations),
                  quiet = kQuiet](std::string& piece) mutable {
    piece = run->next();
    if (!piece.empty()) {
      quiet = 0;
    } else if (++quiet > kQuiet) {
      piece = ": nothing new\n\n";
      quiet = 0;
    } else if (has_left && has_left()) {
      return false;  // nothing is sent by which that would be found
    } else {
      std::this_thread::sleep_for(kLookAgain);
    }
    return true;
  };
  return reply;
}

}  // namespace tekio::serve
