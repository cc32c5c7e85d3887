#include "dist/courier.h"

#include <sched.h>

#include <algorithm>
#include <thread>

#include "base/error.h"

namespace tekio {
namespace {

using Clock = Mailbox::Clock;
using std::chrono::microseconds;

constexpr auto kTellingLimit = std::chrono::seconds(1);  // for notices to be on their way

}  // namespace

Courier::Courier(Meeting& meeting, Transport& transport, const Limits& limits, Say say)
    : meeting_(meeting),
      transport_(transport),
      limits_(limits),
      say_(std::move(say)),
      mailbox_(transport),
      pulse_(mailbox_, limits) {}

bool Courier::run() {
  for (;;) {
    take_tasks();
    const auto now = Clock::now();
    meeting_.rounds.fetch_add(1, std::memory_order_relaxed);
    WhyEnd why;
    bool moved = false;
    try {
      moved = mailbox_.poll(now) > 0;
      moved = advance() || moved;
      why = trouble(now);
    } catch (const Error& error) {
      why = told_to_all({error.what(), error.kind()});
    }
    if (!why.empty()) {
      if (say_) say({own_reason_.empty() ? why.text : own_reason_, why.kind});
      transport_.leave();
      end_with(why);
      return false;
    }
    if (has_said_goodbye_ && pulse_.all_have_ended() && !pulse_.has_unsent()) {
      end_with({"this rank has ended"}, /*in_order=*/true);
      return true;
    }
    rest(moved);
  }
}

void Courier::take_tasks() {
  std::deque<Meeting::Task> tasks;
  int group = 1;
  {
    const std::lock_guard lock(meeting_.mutex);
    tasks.swap(meeting_.tasks);
    group = meeting_.group;
  }
  for (Meeting::Task& task : tasks) {
    const int tag = next_tag();
    if (task.sum) {
      if (!workshop_) workshop_.emplace(std::max(group, mailbox_.size() / group));
      running_.push_back({std::make_unique<Sum>(*task.sum, group, mailbox_, *workshop_, tag), nullptr});
    } else {
      auto records = std::make_unique<Records>(mailbox_, tag + 2, std::move(task.record));
      Records* const known = records.get();
      running_.push_back({std::move(records), known});
    }
    ++begun_;
    quiet_rounds_ = 0;
  }
}

// Operations that are under way at one time have tags of their own; 0 is the pulse's, and 32,767 the largest that every
// MPI has.
int Courier::next_tag() { return 1 + static_cast<int>(begun_ % 10000) * 3; }

// True where an operation became complete.
bool Courier::advance() {
  Turn turn;
  size_t complete = 0;
  std::optional<std::vector<std::string>> gathered;
  for (Running& running : running_) running.operation->advance(turn);
  for (Running& running : running_) {
    if (!running.operation->is_complete()) continue;
    if (running.records != nullptr) gathered = running.records->take();
    running.operation.reset();
    ++complete;
  }
  if (complete == 0) return false;
  std::erase_if(running_, [](const Running& running) { return !running.operation; });
  const std::lock_guard lock(meeting_.mutex);
  if (gathered) meeting_.records = std::move(gathered);
  meeting_.unfinished -= complete;
  if (gathered || meeting_.unfinished == 0) meeting_.to_caller.notify_all();
  return true;
}

// Why nothing goes on; empty where it does. Has told the others what they cannot know.
WhyEnd Courier::trouble(Clock::time_point now) {
  if (!pulse_.notice().empty()) return pulse_.notice();
  if (pulse_.is_overdue(now))
    return told_to_all(
        {fmt::format("{} was not heard of for {:.3g} s", name(pulse_.predecessor()), limits_.silence_seconds)});
  if (const int ended = pulse_.ended_before(begun_); ended >= 0)
    return told_to_all({fmt::format("{} has ended, and the others have not", name(ended))});
  std::unique_lock lock(meeting_.mutex);
  WhyEnd leaving = meeting_.leaving;
  if (leaving.empty() && meeting_.closing && meeting_.unfinished > 0)
    leaving = {"it ended before its work was done", ErrorKind::bug};
  const bool closing = meeting_.closing;
  lock.unlock();
  if (!leaving.empty()) {
    own_reason_ = leaving.text;
    told_to_all({fmt::format("{} has left: {}", name(mailbox_.rank()), leaving.text), leaving.kind});
    return {"this rank has left: " + leaving.text, leaving.kind};
  }
  if (closing && !has_said_goodbye_) {
    has_said_goodbye_ = true;
    pulse_.say_goodbye(begun_);
  }
  return {};
}

WhyEnd Courier::told_to_all(const WhyEnd& why) {
  try {
    pulse_.give_notice(why);
    send_words();
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): who cannot be told will miss this rank
  }
  return why;
}

void Courier::send_words() {
  const auto begun = Clock::now();
  while (pulse_.has_unsent() && Clock::now() - begun < kTellingLimit) {
    if (mailbox_.poll(Clock::now()) == 0) ::sched_yield();
  }
}

// Rank 0 tells its user and then the others that it did, who wait for that: so all end by what rank 0 knew first. What
// they are still sent meanwhile goes to memory that is there until end_with().
void Courier::say(const WhyEnd& why) {
  WhyEnd said = why;
  try {
    if (mailbox_.rank() == 0) {
      say_(why.text);
      pulse_.say_so(why);
      send_words();
    } else {
      const auto begun = Clock::now();
      while (pulse_.said().empty() &&
             std::chrono::duration<double>(Clock::now() - begun).count() < limits_.saying_seconds)
        if (mailbox_.poll(Clock::now()) == 0) std::this_thread::sleep_for(microseconds(200));
      said = pulse_.said();
    }
  } catch (const Error&) {
    if (mailbox_.rank() > 0) return;
  }
  const std::lock_guard lock(meeting_.mutex);
  meeting_.said = said;
}

void Courier::end_with(const WhyEnd& failure, bool in_order) {
  const std::lock_guard lock(meeting_.mutex);
  meeting_.failure = failure.text;
  meeting_.ended_by = meeting_.said.empty() ? failure.kind : meeting_.said.kind;
  meeting_.has_ended_in_order = in_order;
  meeting_.to_caller.notify_all();
}

std::string Courier::name(int rank) {
  const std::lock_guard lock(meeting_.mutex);
  if (meeting_.names.empty()) return fmt::format("rank {}", rank);
  return fmt::format("rank {} ({})", rank, meeting_.names[static_cast<size_t>(rank)]);
}

// Looks again and again while much comes, then after pauses that grow with the time in which nothing came: where the
// caller waits they stay shorter than where it computes.
void Courier::rest(bool moved) {
  if (moved) {
    quiet_rounds_ = 0;
    return;
  }
  ++quiet_rounds_;
  const bool waited_for = meeting_.is_waited_for.load(std::memory_order_relaxed);
  const int spins = waited_for ? 100 : 20;
  if (quiet_rounds_ < spins) {
    ::sched_yield();
    return;
  }
  const microseconds longest(running_.empty() ? 20000 : waited_for ? 200 : 1000);
  const auto pause = std::min(longest, microseconds(20) * (1 << std::min(10, (quiet_rounds_ - spins) / 8)));
  std::unique_lock lock(meeting_.mutex);
  if (meeting_.tasks.empty()) meeting_.to_thread.wait_for(lock, pause);
}

}  // namespace tekio
