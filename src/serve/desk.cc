#include "serve/desk.h"

#include <malloc.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <numeric>
#include <utility>

#include "base/no_signals.h"

namespace tekio::serve {
namespace {

constexpr const char* kTooLate = "the server is stopping, and has no time left for this request";

uint64_t text_bytes(const FillRequest& request) {
  uint64_t bytes = 0;
  for (const std::string& text : request.inputs) bytes += text.size();
  return bytes;
}

bool asks_the_same(const FillOptions& a, const FillOptions& b) { return a.top_k == b.top_k && a.targets == b.targets; }

}  // namespace

Desk::Desk(Fill fill, CanFill can_fill, const DeskLimits& limits)
    : fill_(std::move(fill)), can_fill_(std::move(can_fill)), limits_(limits), thread_([this] {
        take_no_signals();
        work();
      }) {}

Desk::~Desk() {
  close();
  thread_.join();
}

void Desk::close() {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
  }
  arrived_.notify_all();
}

void Desk::refuse_from(std::chrono::steady_clock::time_point time) { refuses_from_ = time; }

std::future<Answer> Desk::ask(FillRequest request, std::function<bool()> has_left) {
  std::future<Answer> answer;
  {
    const std::lock_guard lock(mutex_);
    const size_t texts = request.inputs.size();
    const uint64_t bytes = request.answer_bytes > limits_.large ? request.answer_bytes : 0;
    if (is_closed_) throw Refusal(503, "the server is stopping");
    if (is_too_late()) throw Refusal(503, kTooLate);
    if (!queue_.empty() && counts_.waiting + texts > limits_.queue)
      throw Refusal(429, "too many requests wait for an answer; try again in a second");
    if (bytes > 0 && large_->bytes + 2 * bytes > limits_.large_bytes) {
      large_->refused = std::chrono::steady_clock::now();
      throw Refusal(429, "too many large answers are under way; try again in a second, or ask for less at a time");
    }
    std::shared_ptr<void> room;
    if (bytes > 0) {
      large_->bytes += bytes;
      room = {nullptr, [all = large_, bytes](void*) { all->bytes -= bytes; }};
    }
    queue_.push_back({std::move(request), std::move(has_left), std::chrono::steady_clock::now(), std::move(room), {}});
    answer = queue_.back().answer.get_future();
    counts_.waiting += texts;
  }
  arrived_.notify_one();
  return answer;
}

Desk::Counts Desk::counts() const {
  const std::lock_guard lock(mutex_);
  Counts counts = counts_;
  counts.large_bytes = large_->bytes;
  return counts;
}

/// Requests for one pass: the one that has waited longest, and those behind it that ask for the same. Who asks alone is
/// answered at once: only where the pass before had several texts are as many waited for. Empty: it is closed, and
/// nothing waits.
std::vector<Desk::Waiting> Desk::take() {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [&] { return is_closed_ || !queue_.empty(); });
  if (queue_.empty()) return {};
  const size_t expected = std::min(limits_.texts, last_batch_);
  arrived_.wait_for(lock, limits_.patience, [&] { return is_closed_ || counts_.waiting >= expected; });
  std::vector<Waiting> batch;
  size_t texts = 0;
  uint64_t bytes = 0, of_texts = 0;
  for (auto next = queue_.begin(); next != queue_.end();) {
    const size_t more = next->request.inputs.size();
    const uint64_t more_bytes = next->request.answer_bytes, more_of_texts = text_bytes(next->request);
    if (!batch.empty() && (texts + more > limits_.texts || bytes + more_bytes > limits_.bytes ||
                           of_texts + more_of_texts > limits_.bytes))
      break;
    if (!batch.empty() && !asks_the_same(next->request.options, batch.front().request.options)) {
      ++next;
      continue;
    }
    texts += more;
    bytes += more_bytes;
    of_texts += more_of_texts;
    batch.push_back(std::move(*next));
    next = queue_.erase(next);
  }
  last_batch_ = texts;
  counts_.waiting -= texts;
  return batch;
}

void Desk::work() {
  for (;;) {
    std::vector<Waiting> batch = take();  // gone before the next one is waited for
    if (batch.empty()) return;
    if (is_too_late()) {
      for (Waiting& one : batch) refuse(one, std::make_exception_ptr(Refusal(503, kTooLate)));
      continue;
    }
    drop_those_who_left(batch);
    if (batch.empty()) continue;
    answer(batch);
    const uint64_t bytes = std::transform_reduce(batch.begin(), batch.end(), uint64_t{0}, std::plus<>(),
                                                 [](const Waiting& one) { return text_bytes(one.request); });
    batch.clear();
    if (bytes > limits_.large) ::malloc_trim(0);  // this thread would keep what it took for its largest pass
  }
}

/// Who waits only a moment may have closed one direction of the connection to say that its request is whole; who waits
/// longer has given up.
void Desk::drop_those_who_left(std::vector<Waiting>& batch) const {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(batch, [&](Waiting& one) {
    if (!one.has_left || now - one.asked < limits_.left || !one.has_left()) return false;
    refuse(one, std::make_exception_ptr(Refusal(
                    503, "the client closed its side of the connection while its request waited; leave it open")));
    return true;
  });
}

/// Its room is there again when its client knows.
void Desk::refuse(Waiting& one, std::exception_ptr why) {
  one.room.reset();
  one.answer.set_exception(std::move(why));
}

/// Fills the texts of several requests in one pass.
Filled Desk::fill(std::span<const Waiting> batch) {
  std::vector<std::string> texts;
  for (const Waiting& each : batch) texts.insert(texts.end(), each.request.inputs.begin(), each.request.inputs.end());
  Filled filled = fill_(texts, batch.front().request.options);
  const std::lock_guard lock(mutex_);
  counts_.texts += texts.size();
  ++counts_.passes;
  return filled;
}

void Desk::answer(std::span<Waiting> batch) {
  Filled filled;
  try {
    filled = fill(batch);
  } catch (const std::exception&) {
    if (batch.size() > 1) return answer_apart(batch);
    return refuse(batch.front(), std::current_exception());
  }
  size_t at = 0;
  for (Waiting& each : batch) {
    const std::span own = std::span(filled).subspan(at, each.request.inputs.size());
    at += own.size();
    try {
      Answer made{.body = answer_to(each.request, own), .room = std::move(each.room)};
      if (each.request.answer_bytes > limits_.large)
        made.is_wanted = [all = large_, wanted = limits_.wanted] {
          return std::chrono::steady_clock::now() - all->refused.load() < wanted;
        };
      each.answer.set_value(std::move(made));
    } catch (const std::exception&) {  // no memory
      refuse(each, std::current_exception());
    }
  }
}

/// After a pass was refused: who is not at fault is not to suffer for it. Those whose texts can be filled have one pass
/// again, the others are refused one by one; where all can be, the fault is elsewhere, and each has a pass of its own.
void Desk::answer_apart(std::span<Waiting> batch) {
  const auto is_good = [&](const Waiting& one) {
    try {
      return std::ranges::all_of(one.request.inputs, can_fill_);
    } catch (const std::exception&) {  // no memory
      return false;
    }
  };
  const auto first_bad = std::stable_partition(batch.begin(), batch.end(), is_good);
  const auto good = static_cast<size_t>(first_bad - batch.begin());
  const size_t together = good < batch.size() ? good : 0;
  if (together > 0) answer(batch.first(together));
  for (Waiting& one : batch.subspan(together)) answer(std::span(&one, 1));
}

}  // namespace tekio::serve
