// A ring of slots goes round: the reading thread fills a slot with a block, any tokenizing thread turns it into ids,
// the writer takes slots in the order in which they were filled. The ring's length bounds memory, whatever the corpus's
// size; slots keep their buffers, so nothing is allocated once all have been round.
#include "data/tokenize.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "data/record_parser.h"

namespace tekio {
namespace {

struct Slot {
  enum class State { empty, read, taken, done };
  State state = State::empty;
  Block block;
  EncodedRows rows;
  double progress = 0;
  std::exception_ptr error;
};

class Pipeline {
 public:
  Pipeline(const Dataset::Source& source, const std::function<EncodeText()>& make_encoder,
           const TokenizeOptions& options)
      : source_(source),
        make_encoder_(make_encoder),
        options_(options),
        threads_(options.threads > 0 ? options.threads : available_processors()),
        slots_(static_cast<size_t>(threads_) * 2 + 2) {}

  void run(TokenStoreWriter& writer);

 private:
  void read_all();
  void encode_all();
  template <typename Body>
  void guarded(Body body);
  void encode(RecordParser& parser, EncodeText& encoder, Slot& slot);
  void write_all(TokenStoreWriter& writer);
  Slot& slot(int64_t number) { return slots_[static_cast<size_t>(number) % slots_.size()]; }

  const Dataset::Source& source_;
  const std::function<EncodeText()>& make_encoder_;
  const TokenizeOptions& options_;
  const int threads_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;
  int64_t filled_ = 0, taken_ = 0;  // numbers of slots; what is written is known to the writer alone
  bool all_read_ = false, stop_ = false;
  std::exception_ptr failure_;  // of a thread, outside of any slot
};

/// A thread's body: what it throws ends the pipeline.
template <typename Body>
void Pipeline::guarded(Body body) {
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

/// What Python's str.isspace() takes for white space.
bool is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

void Pipeline::read_all() {
  SourceReader reader(source_);
  for (int64_t number = 0;; ++number) {
    Slot& into = slot(number);
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || into.state == Slot::State::empty; });
      if (stop_) return;
    }
    bool more = false;
    std::exception_ptr error;
    try {
      more = reader.next(into.block);
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

void Pipeline::encode(RecordParser& parser, EncodeText& encoder, Slot& slot) {
  EncodedRows& rows = slot.rows;
  rows.clear();
  const auto limit = static_cast<size_t>(options_.max_tokens), suffix = static_cast<size_t>(options_.suffix);
  for (const Record& record : slot.block.records) {
    const std::string_view text = parser.text(slot.block, record);
    if (options_.skip_blank && is_blank(text)) continue;
    const size_t begin = rows.ids.size();
    encoder(text, rows.ids, rows.word_starts);
    if (limit > 0 && rows.ids.size() > begin + limit) {
      std::copy_n(rows.ids.end() - static_cast<std::ptrdiff_t>(suffix), suffix,
                  rows.ids.begin() + static_cast<std::ptrdiff_t>(begin + limit - suffix));
      std::fill_n(rows.word_starts.begin() + static_cast<std::ptrdiff_t>(begin + limit - suffix), suffix, uint8_t{0});
      rows.ids.resize(begin + limit);
      rows.word_starts.resize(begin + limit);
    }
    rows.row_ends.push_back(rows.ids.size());
  }
}

void Pipeline::encode_all() {
  RecordParser parser(*source_.files, options_.text_column);
  EncodeText encoder = make_encoder_();
  for (;;) {
    Slot* mine = nullptr;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || taken_ < filled_ || all_read_; });
      if (stop_ || taken_ == filled_) return;
      mine = &slot(taken_++);
      mine->state = Slot::State::taken;
    }
    if (!mine->error) {
      try {
        encode(parser, encoder, *mine);
      } catch (...) {
        mine->error = std::current_exception();
      }
    }
    {
      const std::lock_guard lock(mutex_);
      mine->state = Slot::State::done;
    }
    changed_.notify_all();
  }
}

void Pipeline::write_all(TokenStoreWriter& writer) {
  Progress progress("tokenize %", 100, "tokens");
  for (int64_t number = 0;; ++number) {
    Slot& from = slot(number);
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || from.state == Slot::State::done || (all_read_ && number == filled_); });
      if (failure_) std::rethrow_exception(failure_);
      if (all_read_ && number == filled_) return;
    }
    if (from.error) std::rethrow_exception(from.error);
    writer.append(from.rows);
    progress.update(static_cast<int64_t>(from.progress * 100), writer.tokens());
    {
      const std::lock_guard lock(mutex_);
      from.state = Slot::State::empty;
    }
    changed_.notify_all();
  }
}

void Pipeline::run(TokenStoreWriter& writer) {
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
    for (int i = 0; i < threads_; ++i) threads.emplace_back([this] { guarded([this] { encode_all(); }); });
    write_all(writer);
  } catch (...) {
    stop();
    throw;
  }
  stop();
}

}  // namespace

bool is_blank(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t c = length == 1 ? lead : lead & (0x7Fu >> length);
    for (size_t i = 1; i < length && at + i < text.size(); ++i)
      c = c << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3F);
    if (!is_space(c)) return false;
    at += length;
  }
  return true;
}

void tokenize(const Dataset::Source& source, const std::function<EncodeText()>& make_encoder,
              const TokenizeOptions& options, TokenStoreWriter& writer) {
  for (size_t group = 0; group < source.files->groups(); ++group)
    source.files->text_column(group, options.text_column);  // a wrong name is told first
  Pipeline(source, make_encoder, options).run(writer);
}

}  // namespace tekio
