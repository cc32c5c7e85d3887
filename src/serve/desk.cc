#include "serve/desk.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/no_signals.h"

namespace tekio::serve {
namespace {

bool asks_the_same(const FillOptions& a, const FillOptions& b) { return a.top_k == b.top_k && a.targets == b.targets; }

}  // namespace

Desk::Desk(Fill fill, const DeskLimits& limits)
    : fill_(std::move(fill)), limits_(limits), thread_([this] {
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

std::future<std::string> Desk::ask(FillRequest request) {
  std::future<std::string> answer;
  {
    const std::lock_guard lock(mutex_);
    const size_t texts = request.inputs.size();
    if (is_closed_) throw Refusal(503, "the server is stopping");
    if (!queue_.empty() && counts_.waiting + texts > limits_.queue)
      throw Refusal(429, "too many requests wait for an answer; try again in a second");
    queue_.push_back({std::move(request), {}});
    answer = queue_.back().answer.get_future();
    counts_.waiting += texts;
  }
  arrived_.notify_one();
  return answer;
}

Desk::Counts Desk::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
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
  for (auto next = queue_.begin(); next != queue_.end();) {
    const size_t more = next->request.inputs.size();
    if (!batch.empty() && texts + more > limits_.texts) break;
    if (!batch.empty() && !asks_the_same(next->request.options, batch.front().request.options)) {
      ++next;
      continue;
    }
    texts += more;
    batch.push_back(std::move(*next));
    next = queue_.erase(next);
  }
  last_batch_ = texts;
  counts_.waiting -= texts;
  counts_.texts += texts;
  ++counts_.passes;
  return batch;
}

void Desk::work() {
  for (std::vector<Waiting> batch = take(); !batch.empty(); batch = take()) answer(batch);
}

void Desk::answer(std::vector<Waiting>& batch) {
  if (batch.size() == 1) return answer_alone(batch.front());
  std::vector<std::string> texts;
  for (Waiting& each : batch) texts.insert(texts.end(), each.request.inputs.begin(), each.request.inputs.end());
  Filled filled;
  try {
    filled = fill_(texts, batch.front().request.options);
  } catch (const std::exception&) {  // one is at fault, the others are not to suffer for it
    for (Waiting& each : batch) answer_alone(each);
    return;
  }
  size_t at = 0;
  for (Waiting& each : batch) {
    const std::span own = std::span(filled).subspan(at, each.request.inputs.size());
    at += own.size();
    try {
      each.answer.set_value(answer_to(each.request, own));
    } catch (const std::exception&) {  // no memory
      each.answer.set_exception(std::current_exception());
    }
  }
}

void Desk::answer_alone(Waiting& one) {
  try {
    one.answer.set_value(answer_to(one.request, fill_(one.request.inputs, one.request.options)));
  } catch (const std::exception&) {
    one.answer.set_exception(std::current_exception());
  }
}

}  // namespace tekio::serve
