// What is known of a split's files without keeping their rows: columns from the beginning, counts from one pass.
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "data/record_parser.h"
#include "data/text_stream.h"

namespace tekio {
namespace fs = std::filesystem;

Files::Files(std::vector<DataFile> files, std::vector<Group> groups, ReadOptions options, std::vector<Fetch> fetches)
    : files_(std::move(files)),
      options_(std::move(options)),
      groups_(std::move(groups)),
      fetches_(std::move(fetches)),
      heads_(groups_.size()),
      beginnings_(groups_.size()) {
  for (size_t group = 0; group < groups_.size(); ++group)
    formats_.push_back(make_format(groups_[group].kind, this->options(group)));
}

void Files::fetch() const {
  std::call_once(fetched_, [this] {
    for (const Fetch& fetch : fetches_) fetch();
  });
}

/// For what a file's end says: the file, where it is here; else one that holds its end.
DataFile Files::with_end(size_t file) const {
  const DataFile& whole = files_[file];
  if (fetches_.empty() || format(static_cast<size_t>(whole.group)).rows_are_lines()) return whole;
  if (std::error_code ignored; fs::exists(whole.path, ignored)) return whole;
  const std::lock_guard lock(ends_mutex_);
  auto known = ends_.find(file);
  if (known == ends_.end()) known = ends_.emplace(file, whole.end ? whole.end() : nullptr).first;
  if (!known->second) {
    fetch();
    return whole;
  }
  DataFile end = whole;
  end.shown = shown_name(whole);
  end.path = known->second->path();
  return end;
}

namespace {

constexpr int64_t kHeadBytes = 10 << 20;
constexpr int64_t kSurveyBytes = 256 << 20;

bool has_column(const Head& head, std::string_view name) {
  return std::find(head.columns.begin(), head.columns.end(), name) != head.columns.end();
}

}  // namespace

/// Reads one file's beginning into `head`: all of it, or, if it need not be whole, until the text column was met. True
/// if that was the whole head.
bool Files::observe_file(size_t file, bool whole, Head& head) const {
  BlockReader reader(*this, file, file + 1, Columns::all, true);
  const auto group = static_cast<size_t>(files_[file].group);
  const auto parser = format(group).parser(*this, group);
  Block block;
  int64_t seen = 0;
  while (seen < kHeadBytes) {
    const bool more = reader.next(block);
    if (head.columns.empty() && !reader.header().empty()) head.set_columns(reader.header());
    if (!more) break;
    block.load();
    head.rows += static_cast<int64_t>(block.records.size());
    for (const Record& record : block.records) parser->observe(block, record, head);
    seen += static_cast<int64_t>(block.size);
    if (!whole && has_column(head, options_.text_column.empty() ? "text" : options_.text_column)) return false;
  }
  return true;
}

const Head& Files::head(size_t group) const { return observe(group, true); }
const Head& Files::beginning(size_t group) const { return observe(group, false); }

const std::vector<std::string>& Files::columns(size_t group) const {
  return (format(group).rows_are_lines() ? head(group) : beginning(group)).columns;
}

/// Several threads may read the same head at once; all get the one that was there first.
const Head& Files::observe(size_t group, bool whole) const {
  {
    const std::lock_guard lock(mutex_);
    if (heads_[group]) return *heads_[group];
    if (!whole && beginnings_[group]) return *beginnings_[group];
  }
  auto made = std::make_unique<Head>();
  for (size_t i = 0; i < files_.size() && made->rows == 0; ++i) {
    if (files_[i].group != static_cast<int32_t>(group)) continue;
    *made = Head();
    if (whole && !format(group).rows_are_lines()) fetch();
    if (auto told = format(group).head(with_end(i), whole))
      *made = *std::move(told);
    else
      whole = observe_file(i, whole, *made);
  }
  const std::lock_guard lock(mutex_);
  std::unique_ptr<const Head>& head = whole ? heads_[group] : beginnings_[group];
  if (!head) head = std::move(made);
  return *head;
}

void Files::count() const {
  {
    const std::lock_guard lock(mutex_);
    if (rows_ >= 0) return;
  }
  RowFormat::Count counted;
  int64_t skipped = 0;
  for (size_t begin = 0, end = 0; begin < files_.size(); begin = end) {
    const RowFormat& kind = format(static_cast<size_t>(files_[begin].group));
    const auto told = options_.bad_rows == BadRows::skip ? std::nullopt : kind.count(with_end(begin));
    for (end = begin + 1; !told && end < files_.size() && files_[end].group == files_[begin].group;) ++end;
    if (told) {
      counted.rows += told->rows;
      counted.bytes += told->bytes;
    } else {
      skipped += count_rows(begin, end, counted);
    }
  }
  const std::lock_guard lock(mutex_);
  rows_ = counted.rows;
  row_bytes_ = counted.bytes;
  skipped_ = skipped;
}

/// Counts the rows of files [begin, end), which are of one group, by reading them; returns how many were left out.
int64_t Files::count_rows(size_t begin, size_t end, RowFormat::Count& counted) const {
  const bool lines = format(static_cast<size_t>(files_[begin].group)).rows_are_lines();
  BlockReader reader(*this, begin, end, Columns::text);
  Block block;
  while (reader.next(block)) {
    const std::string_view bytes(block.bytes.data(), block.size);
    if (lines && !is_text(bytes))  // what is refused when it is read must not be counted either
      for (const Record& record : block.records)
        check_text(block.text(record), files_[static_cast<size_t>(record.file)], where(record));
    counted.rows += static_cast<int64_t>(block.records.size());
    for (const Record& record : block.records) counted.bytes += static_cast<int64_t>(record.size);
  }
  return reader.skipped();
}

int64_t Files::rows() const {
  count();
  const std::lock_guard lock(mutex_);
  return rows_;
}

int64_t Files::row_bytes() const {
  count();
  const std::lock_guard lock(mutex_);
  return row_bytes_;
}

int64_t Files::skipped_rows() const {
  if (options_.bad_rows == BadRows::stop) return 0;
  count();
  const std::lock_guard lock(mutex_);
  return skipped_;
}

/// Reads the file's beginning, as far as the row that was met and some way on.
Files::Survey Files::survey(const Record& met, const std::string& why) const {
  Survey survey;
  const auto file = static_cast<size_t>(met.file);
  try {
    BlockReader reader(*this, file, file + 1, Columns::text, true);
    RecordParser parser(*this);
    Block block;
    std::string_view text;
    std::string reason;
    int64_t seen = 0;
    for (int64_t line = 0; (seen < kSurveyBytes || line <= met.line) && reader.next(block);
         seen += static_cast<int64_t>(block.size)) {
      block.load();
      for (const Record& record : block.records) {
        line = record.line;
        ++survey.rows;
        if (parser.find_text(block, record, text, reason)) continue;
        if (survey.bad++ == 0) survey.first = record, survey.why = reason;
      }
    }
  } catch (const Error&) {  // something else is wrong further on; the row that was met is what stops us here
  }
  if (survey.bad == 0) survey = {met, why, 1, std::max<int64_t>(1, survey.rows)};
  survey.first.file = met.file;
  return survey;
}

void Files::fail_without_text(const Record& record, const std::string& why) const {
  const std::lock_guard lock(survey_mutex_);  // threads that meet further ones wait for the first one's answer
  auto known = surveys_.find(record.file);
  if (known == surveys_.end()) known = surveys_.emplace(record.file, survey(record, why)).first;
  const Survey& found = known->second;
  const size_t group = static_cast<size_t>(files_[static_cast<size_t>(record.file)].group);
  const bool all = found.bad == found.rows && found.rows > 1;
  const std::string advice =
      all ? format(group).values_are_text()  // what is missing in all rows is then not in the column that is named
                ? ""
                : other_column(group, options_.text_column.empty() ? "text" : options_.text_column)
          : fmt::format(": mend {0}, or pass --bad_rows skip to leave {0} out", found.bad == 1 ? "it" : "them");
  fail(ErrorKind::input, "{}: {}; {} of {} read there {} no text (null, missing or not a string){}", where(found.first),
       found.why, found.bad, counted(found.rows, "row"), found.bad == 1 ? "has" : "have", advice);
}

uint64_t Files::packed_bytes() const {
  const auto is_lines = [](const auto& format) { return format->rows_are_lines(); };
  if (std::any_of(formats_.begin(), formats_.end(), is_lines)) fetch();
  uint64_t bytes = 0;
  for (size_t i = 0; i < files_.size(); ++i) {
    std::error_code error;
    const uint64_t size = fs::file_size(with_end(i).path, error);
    if (error) fail(ErrorKind::io, "cannot read the size of {}: {}", shown_name(files_[i]), error.message());
    bytes += size;
  }
  return bytes;
}

std::string Files::where(const Record& record) const {
  const DataFile& file = files_[static_cast<size_t>(record.file)];
  const bool lines = format(static_cast<size_t>(file.group)).rows_are_lines();
  return fmt::format("{}{}{}", shown_name(file), lines ? ":" : ", row ", record.line);
}

}  // namespace tekio
