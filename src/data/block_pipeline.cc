// A ring of slots goes round: the reading thread fills a slot with a block, any working thread does its work, the
// calling thread takes slots in the order in which they were filled. The ring's length bounds memory, whatever the
// corpus's size; slots keep their buffers, so nothing is allocated once all have been round.
#include "data/block_pipeline.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "base/interruption.h"
#include "base/thread_pool.h"

namespace tekio {
namespace {

constexpr std::chrono::milliseconds kPatience{100};  // before it is asked whether the wait is to end

struct Slot {
  enum class State { empty, read, taken, done };
  State state = State::empty;
  Block block;
  double progress = 0;
  std::exception_ptr error;
};

class Run {
 public:
  Run(const DatasetSource& source, int threads, const BlockPipeline::Part& part, size_t slots,
      const std::function<BlockPipeline::Worker(int)>& make_worker, const BlockPipeline::Taker& take)
      : source_(source), threads_(threads), part_(part), make_worker_(make_worker), take_(take), slots_(slots) {}

  void go();

 private:
  void read_all();
  void work(int number);
  void take_all();
  template <typename Body>
  void guarded(Body body);
  size_t place(int64_t number) const { return static_cast<size_t>(number) % slots_.size(); }

  const DatasetSource& source_;
  const int threads_;
  const BlockPipeline::Part part_;
  const std::function<BlockPipeline::Worker(int)>& make_worker_;
  const BlockPipeline::Taker& take_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;
  int64_t filled_ = 0, begun_ = 0;  // numbers of blocks; how many are taken is known to the calling thread alone
  bool all_read_ = false, stop_ = false;
  std::exception_ptr failure_;  // of a thread, outside of any slot
};

/// A thread's body: what it throws ends the run.
template <typename Body>
void Run::guarded(Body body) {
  try {
    body();
  } catch (...) {
    {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stop_ = true;
    }
    changed_.notify_all();
  }
}

void Run::read_all() {
  SourceReader reader(source_, Columns::text);
  for (int64_t number = 0;; ++number) {
    Slot& into = slots_[place(number)];
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || into.state == Slot::State::empty; });
      if (stop_) return;
    }
    bool more = false;
    std::exception_ptr error;
    try {
      more = reader.next_pending(into.block);
    } catch (...) {
      error = std::current_exception();
      into.block.clear();
    }
    {
      const std::lock_guard lock(mutex_);
      if (more || error) {
        into.progress = reader.progress();
        into.error = error;
        into.state = Slot::State::read;
        filled_ = number + 1;
      }
      all_read_ = !more;
    }
    changed_.notify_all();
    if (!more) return;
  }
}

void Run::work(int number) {
  const BlockPipeline::Worker worker = make_worker_(number);
  for (;;) {
    size_t at = 0;
    bool is_own = true;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || begun_ < filled_ || all_read_; });
      if (stop_ || begun_ == filled_) return;
      is_own = part_.has(begun_);
      at = place(begun_++);
      slots_[at].state = Slot::State::taken;
    }
    Slot& mine = slots_[at];
    if (!mine.error && is_own) {
      try {
        mine.block.load();
        worker(mine.block, at);
      } catch (...) {
        mine.error = std::current_exception();
      }
    }
    {
      const std::lock_guard lock(mutex_);
      mine.state = Slot::State::done;
    }
    changed_.notify_all();
  }
}

void Run::take_all() {
  for (int64_t number = 0;; ++number) {
    Slot& from = slots_[place(number)];
    check_interruption();
    {
      std::unique_lock lock(mutex_);
      while (!changed_.wait_for(lock, kPatience, [&] {
        return stop_ || from.state == Slot::State::done || (all_read_ && number == filled_);
      })) {
        lock.unlock();
        check_interruption();
        lock.lock();
      }
      if (failure_) std::rethrow_exception(failure_);
      if (all_read_ && number == filled_) return;
    }
    if (part_.has(number)) {
      if (from.error) std::rethrow_exception(from.error);
      take_(place(number), from.progress);
    }
    {
      const std::lock_guard lock(mutex_);
      from.state = Slot::State::empty;
    }
    changed_.notify_all();
  }
}

void Run::go() {
  std::vector<std::thread> threads;
  const auto stop = [&] {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads) thread.join();
  };
  try {
    threads.emplace_back([this] { guarded([this] { read_all(); }); });
    for (int i = 0; i < threads_; ++i) threads.emplace_back([this, i] { guarded([this, i] { work(i); }); });
    take_all();
  } catch (...) {
    stop();
    throw;
  }
  stop();
}

}  // namespace

BlockPipeline::BlockPipeline(const DatasetSource& source, int threads, const Part& part)
    : source_(source), threads_(threads > 0 ? threads : available_processors()), part_(part) {}

void BlockPipeline::run(const std::function<Worker(int i)>& make_worker, const Taker& take) const {
  Run(source_, threads_, part_, slots(), make_worker, take).go();
}

}  // namespace tekio
