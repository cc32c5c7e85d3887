// Blocks are dealt out in turns: the first rank has the first few, the next the next few, and so on round and round. In
// a turn each rank gives what it made of its blocks, in as many gatherings as the longest takes. A thread works on the
// blocks of later turns meanwhile.
#include "data/tokenize_together.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/no_signals.h"
#include "data/block_pipeline.h"
#include "data/record_parser.h"

namespace tekio {
namespace {

constexpr size_t kAhead = size_t{32} << 20;         // bytes that wait to be given, at most, but for one turn
constexpr size_t kMostGathered = size_t{64} << 20;  // of all ranks at a time

template <typename Number>
void put(std::string& text, Number number) {
  text.append(reinterpret_cast<const char*>(&number), sizeof number);
}
template <typename Number>
void put(std::string& text, const std::vector<Number>& numbers) {
  put(text, uint64_t{numbers.size()});
  text.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number));
}

/// Reads what put() wrote.
class Unpacker {
 public:
  explicit Unpacker(std::string_view text) : rest_(text) {}
  bool is_empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  template <typename Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  template <typename Number>
  std::vector<Number> numbers() {
    const auto count = number<uint64_t>();
    if (count > rest_.size() / sizeof(Number)) fail_damaged();
    std::vector<Number> values(count);
    const std::string_view bytes = take(count * sizeof(Number));
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  std::string_view take(size_t count) {
    if (count > rest_.size()) fail_damaged();
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  [[noreturn]] static void fail_damaged() { fail(ErrorKind::comms, "another rank sent damaged rows"); }

 private:
  std::string_view rest_;
};

// What a rank has made of one turn's blocks: rows, block by block, and at last the error that ended its work, if one
// did. A rank without further blocks gives an empty last turn.
struct Turn {
  std::string rows;  // packed blocks, each behind its size
  std::optional<Error> error;
  bool is_last = false;
};

// This rank's own turns, made by a thread.
class OwnTurns {
 public:
  OwnTurns(const TokenizeJob& job, const BlockPipeline::Part& part, int threads)
      : job_(job), part_(part), pipeline_(*job.source, threads, part), thread_([this] { make_all(); }) {}
  ~OwnTurns() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  OwnTurns(const OwnTurns&) = delete;
  OwnTurns& operator=(const OwnTurns&) = delete;

  Turn next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !ready_.empty(); });
    Turn turn = std::move(ready_.front());
    ready_.pop_front();
    waiting_ -= turn.rows.size();
    changed_.notify_all();
    return turn;
  }

 private:
  struct Stopped {};

  void make_all() {
    take_no_signals();
    Turn last;
    try {
      make_turns();
    } catch (const Stopped&) {
      return;
    } catch (const Error& error) {
      last.error = error;
    } catch (const std::bad_alloc&) {
      last.error = Error(ErrorKind::device, "memory ran out while text was tokenized");
    } catch (const std::exception& error) {
      last.error = Error(ErrorKind::bug, error.what());
    }
    last.rows = std::move(made_);
    last.is_last = true;
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(last));
    changed_.notify_all();
  }

  void make_turns() {
    std::vector<EncodedRows> rows(pipeline_.slots());
    int64_t blocks = 0;
    pipeline_.run(
        [&](int) -> BlockPipeline::Worker {
          const auto parser = std::make_shared<RecordParser>(*job_.source->files);
          return [&, parser, encoder = (*job_.make_encoder)()](const Block& block, size_t slot) {
            encode_rows(block, job_.options, *parser, encoder, rows[slot]);
          };
        },
        [&](size_t slot, double) {
          check_stop();
          const std::string block = packed(rows[slot]);
          put(made_, uint64_t{block.size()});
          made_ += block;
          if (++blocks % part_.run == 0) end_turn();
        });
  }

  void check_stop() {
    const std::lock_guard lock(mutex_);
    if (stop_) throw Stopped();
  }

  void end_turn() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stop_ || waiting_ < kAhead; });
    if (stop_) throw Stopped();
    waiting_ += made_.size();
    ready_.push_back({std::move(made_), std::nullopt, false});
    made_.clear();
    changed_.notify_all();
  }

  const TokenizeJob& job_;
  const BlockPipeline::Part part_;
  const BlockPipeline pipeline_;
  std::string made_;  // of the turn at hand
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Turn> ready_;
  size_t waiting_ = 0;  // bytes of ready_
  bool stop_ = false;
  std::thread thread_;  // the last: it uses all above
};

enum class More : uint8_t { in_this_turn, in_the_next, none };

// One turn's bytes of every rank; whether any rank has a further turn.
class Exchange {
 public:
  explicit Exchange(const DataRanks& ranks)
      : ranks_(ranks),
        most_(std::clamp(kMostGathered / static_cast<size_t>(ranks.size), size_t{64} << 10, size_t{8} << 20)) {}

  /// `own`: nullopt of a rank that only listens.
  bool go_round(const std::optional<std::string>& own, bool is_last, std::vector<std::string>& turns) {
    turns.assign(static_cast<size_t>(ranks_.size), "");
    bool goes_on = false;
    for (size_t given = 0;;) {
      std::string record;
      if (own) {
        const size_t count = std::min(most_, own->size() - given);
        given += count;
        put(record, given < own->size() ? More::in_this_turn : is_last ? More::none : More::in_the_next);
        record.append(*own, given - count, count);
      }
      bool all_have_given = true;
      const std::vector<std::string> records = ranks_.gather(record);
      for (size_t rank = 0; rank < records.size(); ++rank) {
        if (records[rank].empty()) continue;
        const auto more = static_cast<More>(records[rank].front());
        turns[rank].append(records[rank], 1);
        all_have_given = all_have_given && more != More::in_this_turn;
        goes_on = goes_on || more == More::in_the_next;
      }
      if (all_have_given) return goes_on;
    }
  }

 private:
  const DataRanks& ranks_;
  const size_t most_;
};

constexpr uint64_t kError = UINT64_MAX;  // in a block's size's place: kind and sentence follow

std::string turn_text(const Turn& turn) {
  std::string text = turn.rows;
  if (!turn.error) return text;
  put(text, kError);
  put(text, static_cast<int32_t>(turn.error->kind()));
  return text + turn.error->what();
}

/// Puts a turn's rows behind those that are there. Throws the error that it ends with.
void take_turn(std::string_view text, bool may_leave_out, TokenStoreWriter* writer) {
  Unpacker turn(text);
  while (!turn.is_empty()) {
    const auto size = turn.number<uint64_t>();
    if (size == kError) {
      const auto kind = turn.number<int32_t>();
      if (kind < 0 || kind > static_cast<int32_t>(ErrorKind::bug)) Unpacker::fail_damaged();
      throw Error(static_cast<ErrorKind>(kind), std::string(turn.rest()));
    }
    const std::string_view block = turn.take(size);
    if (writer == nullptr) continue;
    const EncodedRows rows = unpacked_rows(block);
    if (!rows.left_out.empty() && !may_leave_out) Unpacker::fail_damaged();
    writer->append(rows);
  }
}

}  // namespace

std::string packed(const EncodedRows& rows) {
  std::string text;
  put(text, rows.row_ends);
  put(text, rows.left_out);
  const bool narrow = std::ranges::all_of(rows.ids, [](int32_t id) { return id >= 0 && id <= UINT16_MAX; });
  put(text, static_cast<uint8_t>(narrow));
  if (narrow)
    put(text, std::vector<uint16_t>(rows.ids.begin(), rows.ids.end()));
  else
    put(text, rows.ids);
  std::vector<uint8_t> bits((rows.word_starts.size() + 7) / 8, 0);
  for (size_t i = 0; i < rows.word_starts.size(); ++i)
    bits[i / 8] = static_cast<uint8_t>(bits[i / 8] | (rows.word_starts[i] != 0 ? 1 << i % 8 : 0));
  put(text, bits);
  return text;
}

EncodedRows unpacked_rows(std::string_view text) {
  Unpacker from(text);
  EncodedRows rows;
  rows.row_ends = from.numbers<size_t>();
  rows.left_out = from.numbers<size_t>();
  if (from.number<uint8_t>() != 0) {
    const std::vector<uint16_t> ids = from.numbers<uint16_t>();
    rows.ids.assign(ids.begin(), ids.end());
  } else {
    rows.ids = from.numbers<int32_t>();
  }
  const std::vector<uint8_t> bits = from.numbers<uint8_t>();
  if (bits.size() != (rows.ids.size() + 7) / 8 || !std::ranges::is_sorted(rows.row_ends) ||
      !std::ranges::is_sorted(rows.left_out) || (rows.row_ends.empty() ? 0 : rows.row_ends.back()) != rows.ids.size())
    Unpacker::fail_damaged();
  rows.word_starts.resize(rows.ids.size());
  for (size_t i = 0; i < rows.word_starts.size(); ++i) rows.word_starts[i] = bits[i / 8] >> i % 8 & 1;
  return rows;
}

void tokenize_together(const DataRanks& ranks, const Tokenizers& who, const TokenizeJob& job) {
  std::optional<OwnTurns> own;
  if (job.source != nullptr) {
    const auto place = std::ranges::find(who.ranks, ranks.rank) - who.ranks.begin();
    own.emplace(job,
                BlockPipeline::Part{
                    .number = static_cast<int>(place), .of = static_cast<int>(who.ranks.size()), .run = who.blocks},
                job.options.threads);
  }
  Progress progress("tokenize", 1, "tokens");
  Exchange exchange(ranks);
  std::exception_ptr cannot_write;  // the others' turns are heard to their end all the same
  std::vector<std::string> turns;
  Turn turn;
  for (bool goes_on = true; goes_on;) {
    // A rank that has given its last turn gives empty ones while others go on.
    if (own) turn = turn.is_last ? Turn{.rows = "", .error = std::nullopt, .is_last = true} : own->next();
    goes_on = exchange.go_round(own ? std::optional(turn_text(turn)) : std::nullopt, turn.is_last, turns);
    for (const std::string& text : turns) {
      try {
        take_turn(text, job.options.skip_blank, cannot_write ? nullptr : job.writer);
      } catch (const StoreWriteError&) {
        cannot_write = std::current_exception();
      }
    }
    if (job.writer != nullptr) progress.update(0, job.writer->tokens());
  }
  if (cannot_write) std::rethrow_exception(cannot_write);
}

}  // namespace tekio
