// tekio serve: models behind HTTP, with a page to try them.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "base/environment.h"
#include "base/error.h"
#include "base/log.h"
#include "base/no_signals.h"
#include "command.h"
#include "inputs.h"
#include "model/masked_lm.h"
#include "serve/ending.h"
#include "serve/server.h"
#include "serve/service.h"
#include "serve/service_manager.h"

namespace tekio::cli {
namespace {

constexpr std::chrono::milliseconds kLookAgain{20};

volatile std::sig_atomic_t end_signal = 0;

/// SIGINT and SIGTERM end the server when what had arrived is answered; a second one, of either, ends it at once.
class ServerSignals {
 public:
  ServerSignals() {
    end_signal = 0;
    struct sigaction action {};
    action.sa_handler = [](int number) {
      if (end_signal != 0) ::_exit(128 + end_signal);
      end_signal = number;
    };
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaction(SIGINT, &action, &interrupt_);
    sigaction(SIGTERM, &action, &terminate_);
  }
  ~ServerSignals() {
    sigaction(SIGINT, &interrupt_, nullptr);
    sigaction(SIGTERM, &terminate_, nullptr);
  }
  ServerSignals(const ServerSignals&) = delete;
  ServerSignals& operator=(const ServerSignals&) = delete;

 private:
  struct sigaction interrupt_ {
  }, terminate_{};
};

/// As many as the system allows: each client takes one.
void take_more_descriptors() {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
}

/// "1MB" as 1,000,000: bytes, or with kB, MB or GB behind.
uint64_t body_limit(const std::string& text) {
  size_t digits = 0;
  while (digits < text.size() && digits < 12 && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const std::string unit = text.substr(digits);
  const uint64_t factor = unit.empty() || unit == "B"    ? 1
                          : unit == "kB" || unit == "KB" ? 1'000
                          : unit == "MB"                 ? 1'000'000
                          : unit == "GB"                 ? 1'000'000'000
                                                         : 0;
  const uint64_t bytes = digits == 0 ? 0 : std::stoull(text.substr(0, digits)) * factor;
  if (bytes < 100 || bytes > 4'000'000'000)
    fail(ErrorKind::usage, "--max_body is {}; expected 100 to 4GB, as 1000000, 1000kB or 1MB", printable(text, 60));
  return bytes;
}

class Serve final : public Command {
 public:
  CommandText text() const override {
    return {
        .name = "serve",
        .summary = "models behind HTTP, with a page to try them",
        .usage = "[--model A]… [--host 127.0.0.1] [--port 8080] [--run RUN]",
        .description =
            "GET / is a page that fills masks with all models side by side. POST /models/NAME takes {\"inputs\": "
            "\"a [MASK].\", \"parameters\": {\"top_k\": 5, \"targets\": [\"…\"]}} and answers as the fill-mask "
            "pipeline and the Hub's inference API do; NAME is the model's folder or id. GET /models lists them, "
            "/health says whether they are open, /metrics is for Prometheus, and /openapi.json describes it all. "
            "Requests that come together are answered in one pass. With --run the page shows that run's curves "
            "while it trains, and its prompts. SIGTERM and Ctrl-C end the server when what had arrived is answered. "
            "--json prints {\"url\", \"models\"} once it listens. docs/serve.md has more.",
        .examples = {"tekio serve --model distilbert-base-uncased --model run --run run",
                     "TEKIO_SERVE_TOKEN=secret tekio serve --host 0.0.0.0 --port 80"}};
  }

  void add_options(OptionTable& table) override {
    model_.add_to(table, true, &models_);
    table.group("Server");
    table.add("host", &host_, "the address to listen on; 0.0.0.0: all of the machine's").called("ADDRESS");
    table.add("port", &port_, "the port; 0: any that is free").at_least(0).at_most(65535);
    table.add("max_body", &max_body_, "how large a request's body may be").called("SIZE");
    table.add("token", &options_.token, "what /models demands as Authorization: Bearer; also TEKIO_SERVE_TOKEN")
        .called("TOKEN")
        .only_now();
    table.add("run", &run_, "a run whose curve and prompts the page shows").called("RUN");
  }

  void check(const OptionTable&, const std::vector<std::string>&) override {
    limits_.body = body_limit(max_body_);
    if (options_.token.empty()) options_.token = environment("TEKIO_SERVE_TOKEN");
    if (host_.empty()) fail(ErrorKind::usage, "--host is empty; expected an address, 127.0.0.1 say");
  }

  int run(const OptionTable&, const std::vector<std::string>&, Output& out) override {
    serve::WatchedRun watched;
    if (!run_.empty()) watched.folder = run_folder();
    take_more_descriptors();
    const ServerSignals signals;            // before there are clients, all of whom are to be answered
    std::optional<serve::Service> service;  // outlives the server
    serve::Server server(host_, static_cast<int>(port_), limits_);
    options_.hosts = server.names();
    if (options_.hosts.empty() && options_.token.empty())
      warn(
          message("whoever reaches --host {} is answered, pages of other sites too: TEKIO_SERVE_TOKEN limits that "
                  "to who has it",
                  printable(host_)));
    service.emplace(options_);
    server.start(*service);
    std::future<std::vector<serve::ServedModel>> opening = std::async(std::launch::async, [this] {
      take_no_signals();
      return open_models();
    });
    const auto is_open = [&] { return opening.wait_for(kLookAgain) == std::future_status::ready; };
    while (end_signal == 0 && !is_open()) {}
    if (end_signal == 0)
      open(*service, opening, std::move(watched), server.port(), out);
    else
      service->give_up();
    while (end_signal == 0) std::this_thread::sleep_for(kLookAgain);
    serve::tell_service_manager("STOPPING=1");
    stop(server, *service);
    if (opening.valid()) ::_exit(128 + end_signal);  // nothing stops who opens a model
    return 128 + end_signal;
  }

 private:
  static void stop(serve::Server& server, serve::Service& service) {
    const serve::EndTimes times;
    if (serve::end(server, service, times)) return note(" stopped  what had arrived is answered");
    note(fmt::format(" stopped  what was not answered {} s after the signal is cut", times.all.count() / 1'000));
    ::_exit(128 + end_signal);
  }

  /// Serves the models that were opened, and tells where. Errors: those of opening them.
  void open(serve::Service& service, std::future<std::vector<serve::ServedModel>>& opening, serve::WatchedRun run,
            int port, Output& out) const {
    try {
      std::vector<serve::ServedModel> models = opening.get();
      OrderedJson names = OrderedJson::array();
      for (const serve::ServedModel& model : models) names.push_back(model.name);
      service.open(std::move(models), std::move(run));
      tell_address(port, names, out);
    } catch (...) {
      service.give_up();
      throw;
    }
  }

  std::vector<serve::ServedModel> open_models() const {
    std::vector<serve::ServedModel> models;
    std::set<std::string> names;
    for (const std::string& each : models_.empty() ? std::vector<std::string>{""} : models_) {
      ModelOptions wanted = model_;
      wanted.model = each;
      const OpenModel opened = wanted.open(common);
      if (!names.insert(opened.place.name).second)
        fail(ErrorKind::usage,
             "--model: two models are called {}, which is where they would be served: rename a folder",
             printable(opened.place.name));
      models.push_back(serve::serve_model(opened.place.name, opened.model, opened.tokenizer));
      FillMask(opened.model, opened.tokenizer)(opened.tokenizer.mask_token());  // the first pass is the slowest
      note(fmt::format(" model    {} · {} · {}", printable(opened.place.name, 300), opened.info.family,
                       MaskedLMImpl::of(opened.model).fill_in_fastest().text()));
    }
    return models;
  }

  std::filesystem::path run_folder() const {
    std::error_code error;
    const std::filesystem::path whole = std::filesystem::absolute(run_, error).lexically_normal();
    if (std::filesystem::exists(whole, error) && !std::filesystem::is_directory(whole, error))
      fail(ErrorKind::usage, "--run {} is a file, expected the folder of a run", printable(run_, 300));
    return whole.has_filename() ? whole : whole.parent_path();
  }

  void tell_address(int port, const OrderedJson& names, Output& out) const {
    const std::string host = host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
    const std::string url = fmt::format("http://{}:{}", host, port);
    serve::tell_service_manager(fmt::format("READY=1\nSTATUS=serving {}", printable(url)));
    note(fmt::format(" serving  {}", printable(url)));
    if (!common.json) return;
    out.json({{"url", url}, {"models", names}});
    out.flush();
  }

  ModelOptions model_;
  std::vector<std::string> models_;
  int64_t port_ = 8080;
  std::string host_ = "127.0.0.1", max_body_ = "1MB", run_;
  serve::ServiceOptions options_;
  http::Limits limits_{.urgent = serve::kUrgent};
};

}  // namespace

std::unique_ptr<Command> make_serve() { return std::make_unique<Serve>(); }

}  // namespace tekio::cli
