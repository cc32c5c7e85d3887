// The public face of rows: views over files. Views are composed of row numbers, so a shuffled slice of a selection is
// one list.
#include <tekio/dataset.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random/numpy_permutation.h"
#include "data/memory_rows.h"
#include "data/record_parser.h"
#include "data/text_stream.h"

namespace tekio {

std::string Row::text(std::string_view column) const {
  for (const auto& [name, value] : columns) {
    if (name != column) continue;
    if (!value.starts_with('"'))
      fail(ErrorKind::input, "the column \"{}\" holds {}, not text", printable(column), printable(value));
    return parse_json(value, "a row").get<std::string>();
  }
  std::vector<std::string_view> names;
  for (const auto& [name, value] : columns) names.push_back(name);
  fail(ErrorKind::input, "a row has no column \"{}\"; it has: {}", printable(column),
       printable(fmt::format("{}", fmt::join(names, ", ")), 200));
}

Dataset::Dataset(std::shared_ptr<const DatasetSource> source) : source_(std::move(source)) {}

namespace {

Dataset of_memory(std::shared_ptr<const MemoryRows> rows, const ReadOptions& options) {
  DataFile file{.kind = FileKind::memory, .shown = "the rows in memory"};
  file.memory = std::move(rows);
  auto source = std::make_shared<DatasetSource>();
  source->files = std::make_shared<const Files>(
      std::vector{std::move(file)}, std::vector<Files::Group>{{"the rows in memory", FileKind::memory}}, options);
  return DatasetSource::wrap(std::move(source));
}

}  // namespace

Dataset Dataset::from_texts(const std::vector<std::string>& texts) {
  return of_memory(MemoryRows::of_texts(texts), {});
}

Dataset Dataset::from_arrow(ArrowArrayStream* stream, const ReadOptions& options) {
  return of_memory(MemoryRows::of_stream(stream), options);
}

int64_t Dataset::size() const { return source_->size(); }

std::vector<std::string> Dataset::columns() const {
  std::vector<std::string> all;
  for (size_t group = 0; group < source_->files->groups(); ++group)
    for (const std::string& name : source_->files->columns(group))
      if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
  return all;
}

uint64_t Dataset::bytes() const { return source_->files->packed_bytes(); }

std::string Dataset::text_column() const {
  for (size_t group = 0; group < source_->files->groups(); ++group)
    if (const auto column = source_->files->text_column(group)) return column->name;
  return source_->files->options().text_column;
}

int64_t Dataset::skipped_rows() const { return source_->files->skipped_rows(); }

Dataset Dataset::shuffle(uint64_t seed) const {
  return Dataset(DatasetSource::pick(*source_, numpy_permutation(seed, size())));
}

Dataset Dataset::select(std::vector<int64_t> rows) const {
  const int64_t count = size();
  for (const int64_t row : rows)
    if (row < 0 || row >= count)
      fail(ErrorKind::usage, "row {} was selected, but the data has {} (numbers 0 to {})", row, counted(count, "row"),
           count - 1);
  return Dataset(DatasetSource::pick(*source_, std::move(rows)));
}

Dataset Dataset::slice(int64_t begin, int64_t end) const {
  const int64_t count = size();
  if (begin < 0 || begin > end || end > count)
    fail(ErrorKind::usage, "rows [{}, {}) were asked for, but the data has {}", begin, end, counted(count, "row"));
  auto made = std::make_shared<DatasetSource>(*source_);
  if (source_->picked) {
    made->picked =
        std::make_shared<const std::vector<int64_t>>(source_->picked->begin() + begin, source_->picked->begin() + end);
  } else {
    made->begin = source_->begin + begin;
    made->end = source_->begin + end;
  }
  return Dataset(std::move(made));
}

std::vector<Row> Dataset::take(int64_t count) const {
  if (count < 0) fail(ErrorKind::usage, "{} rows were asked for; a number of rows is at least 0", count);
  std::vector<Row> rows;
  DatasetSource part = *source_;
  if (part.picked) {
    const auto few = std::min(count, part.size());
    part.picked = std::make_shared<const std::vector<int64_t>>(part.picked->begin(), part.picked->begin() + few);
  } else if (part.end < 0 || part.end - part.begin > count) {
    part.end = part.begin > std::numeric_limits<int64_t>::max() - count
                   ? -1
                   : part.begin + count;  // the files are not counted for it
  }
  Dataset(std::make_shared<const DatasetSource>(std::move(part))).for_each([&](const Row& row) {
    rows.push_back(row);
  });
  return rows;
}

void Dataset::for_each(const std::function<void(const Row&)>& use) const {
  SourceReader reader(*source_, Columns::all);
  RecordParser parser(*source_->files);
  Block block;
  while (reader.next(block))
    for (const Record& record : block.records) use(parser.row(block, record));
}

const Dataset& DatasetDict::operator[](std::string_view split) const {
  std::vector<std::string> names;
  for (const auto& [name, dataset] : splits_) {
    if (name == split) return dataset;
    names.push_back(name);
  }
  const std::string near = nearest(split, names);
  fail(ErrorKind::input, "the data has no split \"{}\"{}; it has: {}", printable(split),
       near.empty() ? "" : fmt::format(" (is \"{}\" meant?)", near),
       printable(fmt::format("{}", fmt::join(names, ", ")), 200));
}

bool DatasetDict::contains(std::string_view split) const {
  return std::any_of(splits_.begin(), splits_.end(), [&](const auto& entry) { return entry.first == split; });
}

}  // namespace tekio
