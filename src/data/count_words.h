// A corpus's words, counted on all threads. Words are dealt to as many tables as there are threads, by their hash, so
// that each table is put together by one.
#pragma once

#include <tekio/dataset.h>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "data/block_pipeline.h"
#include "data/record_parser.h"
#include "text/count_table.h"

namespace tekio {

/// One counter, a copy of `fresh`, for each thread that counts. Adds to `rows`. Errors: the counter's, with their
/// places.
template <typename Counter>
std::vector<Counter> count_words(const DatasetSource& source, const Counter& fresh, int threads, int64_t& rows) {
  for (size_t group = 0; group < source.files->groups(); ++group)
    source.files->text_column(group);  // a wrong name is told first
  const BlockPipeline pipeline(source, threads);
  std::vector<Counter> counters(static_cast<size_t>(pipeline.threads()), fresh);
  std::vector<int64_t> slot_rows(pipeline.slots());
  Progress progress("count words %", 100, "rows");
  pipeline.run(
      [&](int i) -> BlockPipeline::Worker {
        const auto parser = std::make_shared<RecordParser>(*source.files);
        return [&, parser, i](const Block& block, size_t slot) {
          for (const Record& record : block.records) {
            const std::string_view text = parser->text(block, record);
            try {
              counters[static_cast<size_t>(i)].add(text);
            } catch (const Error& error) {
              fail(error.kind(), "{}: {}", source.files->where(record), error.what());
            }
          }
          slot_rows[slot] = static_cast<int64_t>(block.records.size());
        };
      },
      [&](size_t slot, double done) {
        rows += slot_rows[slot];
        progress.update(static_cast<int64_t>(done * 100), rows);
      });
  return counters;
}

/// Every distinct word in one of as many tables as the pool has threads.
template <typename Counter>
std::vector<CountTable> distinct_words(std::vector<Counter> counters, ThreadPool& pool) {
  const auto parts = static_cast<size_t>(pool.threads());
  std::vector<std::vector<CountList>> dealt(counters.size(), std::vector<CountList>(parts));
  pool.for_each(static_cast<int64_t>(counters.size()),
                [&](int64_t i, int) { counters[static_cast<size_t>(i)].distribute(dealt[static_cast<size_t>(i)]); });
  std::vector<std::optional<CountTable>> tables(parts);
  pool.for_each(static_cast<int64_t>(parts), [&](int64_t part, int) {
    std::vector<const CountList*> lists;
    for (const std::vector<CountList>& of_one : dealt) lists.push_back(&of_one[static_cast<size_t>(part)]);
    tables[static_cast<size_t>(part)].emplace(lists);
  });
  std::vector<CountTable> words;
  for (std::optional<CountTable>& table : tables) words.push_back(std::move(*table));
  return words;
}

/// What was counted in all.
struct WordTotals {
  int64_t distinct = 0, occurrences = 0;
};
/// Errors: input (not one word).
inline WordTotals totals_of(const std::vector<CountTable>& words, int64_t rows) {
  WordTotals totals;
  for (const CountTable& table : words) {
    totals.distinct += static_cast<int64_t>(table.size());
    table.for_each([&](std::string_view, uint64_t count) { totals.occurrences += static_cast<int64_t>(count); });
  }
  if (totals.distinct == 0) fail(ErrorKind::input, "there is no word in the data ({})", counted(rows, "row"));
  return totals;
}

}  // namespace tekio
