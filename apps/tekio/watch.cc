#include "watch.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <utility>
#include <vector>

#include "base/environment.h"
#include "base/json.h"

namespace tekio::cli {
namespace fs = std::filesystem;

class Turns {
 public:
  /// Calls `work` once the training thread has handed the model over. One thread may ask. Errors: Refusal 503 (the run
  /// ends).
  void ask(const std::function<void()>& work) {
    {
      std::unique_lock lock(mutex_);
      is_asked_ = true;
      changed_.wait(lock, [&] { return is_given_ || has_ended_; });
      is_asked_ = false;
      if (!is_given_) throw serve::Refusal(503, "the run ends, and with it this server");
    }
    struct Return {
      Turns& turns;
      ~Return() {
        {
          const std::lock_guard lock(turns.mutex_);
          turns.is_given_ = false;
        }
        turns.changed_.notify_all();
      }
    } const at_the_end{*this};
    work();
  }
  /// Hands the model over, if it is asked for, and returns when it is given back.
  void give() {
    std::unique_lock lock(mutex_);
    if (!is_asked_) return;
    is_given_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !is_given_; });
  }
  void end() {
    {
      const std::lock_guard lock(mutex_);
      has_ended_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_asked_ = false, is_given_ = false, has_ended_ = false;
};

namespace {

constexpr const char* kHost = "127.0.0.1";
/// For clients on this machine: a run does not wait for longer at its end.
constexpr http::Limits kLimits{
    .request = std::chrono::seconds(5), .reply = std::chrono::seconds(5), .urgent = serve::kUrgent};

}  // namespace

Watch::Watch(int port) : turns_(std::make_shared<Turns>()), server_(kHost, port, kLimits) {
  service_.emplace(serve::ServiceOptions{.hosts = server_.names(), .token = environment("TEKIO_SERVE_TOKEN")});
  server_.start(*service_);
}

Watch::~Watch() {
  service_->give_up();
  turns_->end();
}

void Watch::start(const OpenModel& opened, TrainingOptions& options) {
  std::error_code ignored;
  const fs::path run = (fs::absolute(options.output_dir, ignored) / "").lexically_normal().parent_path();
  std::vector<serve::ServedModel> models;
  models.push_back(serve::serve_model(run.filename().string(), opened.model, opened.tokenizer,
                                      [turns = turns_](const std::function<void()>& work) { turns->ask(work); }));
  const auto evaluations = std::make_shared<serve::ToldEvaluations>();
  options.on_log = [evaluations, before = std::move(options.on_log)](const std::string& entry) {
    if (before) before(entry);
    evaluations->add(parse_json(entry, "the log history"));
  };
  options.on_update = [turns = turns_, before = std::move(options.on_update)](const UpdatePoint& point,
                                                                              RunControl& control) {
    if (before) before(point, control);
    turns->give();
  };
  service_->open(std::move(models), {.folder = run, .prompts = options.prompts, .evaluations = evaluations});
}

std::string Watch::url() const { return fmt::format("http://{}:{}", kHost, server_.port()); }

}  // namespace tekio::cli
