#include "dist/engine.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "base/no_signals.h"
#include "base/thread_pool.h"
#include "dist/courier.h"

namespace tekio {
namespace {

using std::chrono::duration;

// The thread has little to do at a time, and what it does others wait for: so its pauses end when they should, and it
// gets a processor soon where all compute (Linux 6.12 and later: who asks for short turns goes before who has long
// ones).
void take_short_turns() {
  ::prctl(PR_SET_TIMERSLACK, 1000UL);  // nanoseconds
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } wish = {sizeof wish, SCHED_OTHER, 0, ::getpriority(PRIO_PROCESS, 0), 0, 100000, 0, 0};
  ::syscall(SYS_sched_setattr, 0, &wish, 0);  // where this is not to be had, it works all the same
}

// With the others, if the launcher answers.
[[noreturn]] void end_process(Transport& transport, int code) {
  std::thread([code] {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    ::_exit(code);
  }).detach();
  transport.abort(code);
  ::_exit(code);
}

// Where ranks do not end in order, the caller says when its process is at its end, and whether all are to end with it.
// A caller that is held up, by a file system or a GPU that does not answer, is waited for as long as the limits say.
void wait_for_the_end(Meeting& meeting, Transport& transport, const Limits& limits) {
  std::unique_lock lock(meeting.mutex);
  const auto is_at_end = [&] { return meeting.is_over || meeting.abort_code; };
  if (limits.leaving_seconds <= 0)
    meeting.to_thread.wait(lock, is_at_end);
  else
    meeting.to_thread.wait_for(lock, duration<double>(limits.leaving_seconds), is_at_end);
  const bool is_held_up = !is_at_end();
  if (!is_held_up && !meeting.abort_code) return;
  const int code = is_held_up ? exit_code(meeting.ended_by) : *meeting.abort_code;
  lock.unlock();
  is_held_up ? end_process(transport, code) : transport.abort(code);
}

void serve(const OpenTransport& open, const Limits& limits, const Say& say, Meeting& meeting) {
  take_no_signals();
  take_short_turns();
  std::unique_ptr<Transport> transport;
  try {
    transport = open();
    {
      const std::lock_guard lock(meeting.mutex);
      meeting.rank = transport->rank();
      meeting.size = transport->size();
      meeting.machine = transport->machine();
      meeting.is_open = true;
      meeting.to_caller.notify_all();
    }
    Courier courier(meeting, *transport, limits, say);
    if (courier.run())
      transport->finish();
    else
      wait_for_the_end(meeting, *transport, limits);
  } catch (...) {
    const std::lock_guard lock(meeting.mutex);
    meeting.cannot_open = std::current_exception();
    if (meeting.failure.empty()) meeting.failure = "communication has ended";
  }
  transport.reset();
  const std::lock_guard lock(meeting.mutex);
  meeting.has_ended = true;
  meeting.to_caller.notify_all();
}

class Engine final : public Communicator {
 public:
  Engine(OpenTransport open, const Limits& limits, Say say)
      : limits_(limits),
        meeting_(std::make_shared<Meeting>()),
        thread_([open = std::move(open), limits, say = std::move(say), meeting = meeting_] {
          serve(open, limits, say, *meeting);
        }) {
    try {
      wait_until_open();
      introduce();
    } catch (...) {
      end();
      throw;
    }
  }
  ~Engine() override { end(); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  int rank() const override { return meeting_->rank; }
  int size() const override { return meeting_->size; }
  RankCount count() const override { return {size(), here_}; }
  int number_here() const override { return number_here_; }
  int processors() const override { return processors_; }

  void begin_sum(std::span<float> numbers, int givers, Wire wire) override {
    begin({Sum::Request{Sum::Kind::sum, numbers, even_parts(numbers.size(), size()), givers, wire}, ""});
  }
  void begin_shared_sum(std::span<float> numbers, const Parts& parts, int givers, Wire wire) override {
    begin({Sum::Request{Sum::Kind::shared_sum, numbers, parts, givers, wire}, ""});
  }
  void begin_exchange_of_shares(std::span<float> numbers, const Parts& parts) override {
    begin({Sum::Request{Sum::Kind::exchange_of_shares, numbers, parts, size(), Wire::f32}, ""});
  }
  void wait() override;
  std::vector<std::string> gather(std::string_view own) override;
  std::string broadcast(std::string_view of_rank_0) override {
    return gather(rank() == 0 ? of_rank_0 : std::string_view()).front();
  }
  void check() const override {
    const std::lock_guard lock(meeting_->mutex);
    if (!meeting_->failure.empty()) fail_comms();
  }
  double silence_seconds() const override { return limits_.silence_seconds; }
  void leave(std::string_view why, ErrorKind kind) noexcept override;
  std::string said() const override {
    const std::lock_guard lock(meeting_->mutex);
    return meeting_->said.text;
  }
  ErrorKind ended_by() const override {
    const std::lock_guard lock(meeting_->mutex);
    return meeting_->ended_by;
  }
  void finish() override;
  void end_all(int code) noexcept override;

 private:
  void wait_until_open();
  void introduce();
  template <typename Ready>
  void stand_by(std::unique_lock<std::mutex>& lock, const Ready& is_ready);
  template <typename Ready>
  void wait_for(const Ready& is_ready);
  void begin(Meeting::Task task);
  [[noreturn]] void fail_comms() const { throw Error(ErrorKind::comms, meeting_->failure); }
  void end() noexcept;

  const Limits limits_;
  const std::shared_ptr<Meeting> meeting_;  // the thread's as well, should it outlive this
  std::thread thread_;
  int processors_ = 1, here_ = 0, number_here_ = 0;
};

void Engine::wait_until_open() {
  Meeting& m = *meeting_;
  std::unique_lock lock(m.mutex);
  m.to_caller.wait_for(lock, duration<double>(limits_.start_seconds), [&] { return m.is_open || m.has_ended; });
  if (m.cannot_open) std::rethrow_exception(m.cannot_open);
  if (!m.is_open)
    fail(ErrorKind::comms,
         "the other processes that the launcher started did not come within {:.3g} s of this one's start; MPI does not "
         "say which: see what they say themselves, or set TEKIO_START_SECONDS to wait longer",
         limits_.start_seconds);
}

void Engine::begin(Meeting::Task task) {
  if (task.sum) task.sum->check(size());
  Meeting& m = *meeting_;
  const std::lock_guard lock(m.mutex);
  if (!m.failure.empty()) fail_comms();
  m.tasks.push_back(std::move(task));
  ++m.unfinished;
  m.to_thread.notify_one();
}

// The thread's rounds are counted, not timed: where the whole process stood still for a while, nothing is wrong.
template <typename Ready>
void Engine::stand_by(std::unique_lock<std::mutex>& lock, const Ready& is_ready) {
  Meeting& m = *meeting_;
  uint64_t rounds = 0;
  double stuck_seconds = 0;
  while (!is_ready() && m.failure.empty()) {
    if (m.to_caller.wait_for(lock, std::chrono::seconds(1)) == std::cv_status::no_timeout) continue;
    const uint64_t now = m.rounds;
    stuck_seconds = now == rounds ? stuck_seconds + 1 : 0;
    rounds = now;
    if (stuck_seconds > limits_.silence_seconds + 5)
      m.failure = fmt::format("a call for messages did not return for {:.0f} s", stuck_seconds);
  }
}

template <typename Ready>
void Engine::wait_for(const Ready& is_ready) {
  Meeting& m = *meeting_;
  std::unique_lock lock(m.mutex);
  m.is_waited_for = true;
  stand_by(lock, is_ready);
  m.is_waited_for = false;
  if (!m.failure.empty()) fail_comms();
}

void Engine::wait() {
  wait_for([this] { return meeting_->unfinished == 0; });
}

// Sums that were begun before go on.
std::vector<std::string> Engine::gather(std::string_view own) {
  begin({std::nullopt, std::string(own)});
  wait_for([this] { return meeting_->records.has_value(); });
  const std::lock_guard lock(meeting_->mutex);
  std::vector<std::string> records = std::move(*meeting_->records);
  meeting_->records.reset();
  return records;
}

void Engine::leave(std::string_view why, ErrorKind kind) noexcept {
  Meeting& m = *meeting_;
  std::unique_lock lock(m.mutex);
  if (!m.failure.empty()) return;
  m.leaving = {why.empty() ? "no reason was given" : std::string(why), kind};
  m.to_thread.notify_one();
  m.to_caller.wait_for(lock, std::chrono::seconds(5), [&] { return !m.failure.empty(); });
}

void Engine::finish() {
  Meeting& m = *meeting_;
  std::unique_lock lock(m.mutex);
  m.closing = true;
  m.to_thread.notify_one();
  stand_by(lock, [] { return false; });
  if (!m.has_ended_in_order) fail_comms();
}

void Engine::end_all(int code) noexcept {
  Meeting& m = *meeting_;
  std::unique_lock lock(m.mutex);
  if (!m.is_open || m.has_ended_in_order) return;
  m.abort_code = code;
  m.to_thread.notify_one();
  // A launcher that is ending all by itself may not answer; this one ends then.
  m.to_caller.wait_for(lock, std::chrono::seconds(2), [&] { return m.has_ended; });
}

// Everything that waits here has a limit: a thread that does not come back from a call is left to the process's end.
void Engine::end() noexcept {
  Meeting& m = *meeting_;
  std::unique_lock lock(m.mutex);
  m.closing = m.is_over = true;
  m.to_thread.notify_one();
  if (m.is_open) stand_by(lock, [] { return false; });
  const bool has_ended =
      m.to_caller.wait_for(lock, std::chrono::seconds(m.is_open ? 10 : 0), [&] { return m.has_ended; });
  lock.unlock();
  if (has_ended)
    thread_.join();
  else
    thread_.detach();
}

std::vector<int> own_processors() {
  cpu_set_t set;
  std::vector<int> own;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &set)) own.push_back(i);
  return own;
}

std::string first_word(const char* path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return printable(name, 255);
}

// What a rank says of itself.
struct Introduction {
  std::string host, machine;
  int process;
  std::vector<int> processors;

  std::string text() const {
    return OrderedJson{{"host", host}, {"machine", machine}, {"process", process}, {"processors", processors}}.dump();
  }
};

// Errors: comms. Programs that are compared later may be others here.
Introduction introduction_of(int rank, const std::string& text) {
  try {
    const OrderedJson said = parse_ordered_json(text, "introduction");
    return {said.at("host").get<std::string>(), said.at("machine").get<std::string>(), said.at("process").get<int>(),
            said.at("processors").get<std::vector<int>>()};
  } catch (const OrderedJson::exception&) {  // told below
  } catch (const Error&) {}
  fail(ErrorKind::comms, "rank {} introduced itself by '{}': is it another program, or another version of this one?",
       rank, printable(text, 100));
}

// Everyone learns who the others are and which processors they may use.
void Engine::introduce() {
  const std::string& given = meeting_->machine;
  const Introduction own{host_name(), given.empty() ? first_word("/proc/sys/kernel/random/boot_id") : given, ::getpid(),
                         own_processors()};
  std::vector<std::string> names, machines;
  std::vector<int> users(CPU_SETSIZE, 0);
  for (const std::string& text : gather(own.text())) {
    const Introduction other = introduction_of(static_cast<int>(names.size()), text);
    names.push_back(fmt::format("{}, process {}", other.host, other.process));
    // Containers and network namespaces of one machine have names of their own, and a network between them.
    machines.push_back(other.machine + " " + other.host);
    if (other.machine != own.machine) continue;
    for (const int processor : other.processors)
      if (processor >= 0 && processor < CPU_SETSIZE) ++users[static_cast<size_t>(processor)];
    if (other.host != own.host) continue;
    if (static_cast<int>(names.size()) == rank() + 1) number_here_ = here_;
    ++here_;  // a control group's limits are theirs together
  }
  double share = 0;
  for (const int processor : own.processors) share += 1.0 / users[static_cast<size_t>(processor)];
  const int of_mask = static_cast<int>(std::lround(std::floor(share + 1e-6)));
  const bool has_quota = available_processors() < static_cast<int>(own.processors.size());
  processors_ = std::max(1, has_quota ? std::min(of_mask, available_processors() / here_) : of_mask);
  const std::lock_guard lock(meeting_->mutex);
  meeting_->names = std::move(names);
  meeting_->group = group_of_ranks(machines);
}

}  // namespace

std::unique_ptr<Communicator> make_communicator(OpenTransport open, const Limits& limits, Say say) {
  return std::make_unique<Engine>(std::move(open), limits, std::move(say));
}

}  // namespace tekio
