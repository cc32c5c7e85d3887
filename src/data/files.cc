// What is known of a split's files without keeping their rows: columns from the beginning, rows without a text from a
// look around.
#include <algorithm>

#include "base/error.h"
#include "base/few_at_a_time.h"
#include "base/log.h"
#include "base/system_error.h"
#include "data/memory_rows.h"
#include "data/record_parser.h"
#include "data/text_stream.h"
#include "hub/fetch.h"

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

namespace {

uint64_t size_of(const DataFile& file) {
  if (file.memory) return static_cast<uint64_t>(file.memory->text_bytes);
  std::error_code error;
  const uint64_t size = fs::file_size(file.path, error);
  if (error) fail_system({error, file.path}, "cannot read the size of {}: {}", shown_name(file));
  return size;
}

}  // namespace

/// Whether a file is on the Hub, and its end says what there is to say of it.
bool Files::is_elsewhere(size_t file) const {
  const DataFile& whole = files_[file];
  std::error_code ignored;
  return !fetches_.empty() && !format(static_cast<size_t>(whole.group)).rows_are_lines() &&
         !fs::exists(whole.path, ignored);
}

/// The end of a file that is elsewhere; nullptr where all of it must be fetched. The one that was asked for last is
/// kept: each is an open file.
std::shared_ptr<const FileEnd> Files::end_of(size_t file) const {
  {
    const std::lock_guard lock(ends_mutex_);
    if (last_end_.second && last_end_.first == file) return last_end_.second;
  }
  auto end = files_[file].end ? files_[file].end() : nullptr;
  const std::lock_guard lock(ends_mutex_);
  last_end_ = {file, end};
  return end;
}

/// For what a file's end says: the file, where it is here; else one that holds its end.
DataFile Files::with_end(size_t file, std::shared_ptr<const FileEnd>& end) const {
  DataFile whole = files_[file];
  if (!is_elsewhere(file)) return whole;
  end = end_of(file);
  if (!end) {
    fetch();
    return whole;
  }
  whole.shown = shown_name(whole);
  whole.path = end->path();
  return whole;
}

/// What a file's end says; of those that are elsewhere kept once it was asked.
Files::Told Files::told(size_t file) const {
  const bool elsewhere = is_elsewhere(file);
  if (elsewhere) {
    const std::lock_guard lock(ends_mutex_);
    if (const auto known = told_.find(file); known != told_.end()) return known->second;
  }
  std::shared_ptr<const FileEnd> end;
  const DataFile read = with_end(file, end);
  Told said{.bytes = 0, .count = format(static_cast<size_t>(read.group)).count(read)};
  if (!elsewhere) return said;
  said.bytes = size_of(read);
  const std::lock_guard lock(ends_mutex_);
  return told_.emplace(file, said).first->second;
}

/// Asks for the ends of all files that are elsewhere, a few at a time.
void Files::ask_ends() const {
  if (fetches_.empty()) return;
  std::vector<size_t> elsewhere;
  for (size_t file = 0; file < files_.size(); ++file)
    if (is_elsewhere(file)) elsewhere.push_back(file);
  few_at_a_time(elsewhere.size(), hub::kConnections, [&] { return [&](size_t i) { told(elsewhere[i]); }; });
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
    std::shared_ptr<const FileEnd> end;
    if (auto told = format(group).head(with_end(i, end), whole))
      *made = *std::move(told);
    else
      whole = observe_file(i, whole, *made);
  }
  const std::lock_guard lock(mutex_);
  std::unique_ptr<const Head>& head = whole ? heads_[group] : beginnings_[group];
  if (!head) head = std::move(made);
  return *head;
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
  const bool words = options_.words == Words::list;
  const std::string advice =
      all ? words || format(group).values_are_text()  // what all rows lack is then not in the column that is named
                ? ""
                : other_column(group, options_.text_column.empty() ? "text" : options_.text_column)
          : message(": mend {0}, or pass --bad_rows skip to leave {0} out", found.bad == 1 ? "it" : "them");
  fail(ErrorKind::input, "{}: {}; {} of {} read there {} {}{}", where(found.first), found.why, found.bad,
       counted(found.rows, "row"), found.bad == 1 ? "has" : "have",
       words ? "no words (null, missing or not a list of strings)" : "no text (null, missing or not a string)", advice);
}

uint64_t Files::packed_bytes() const {
  const auto is_lines = [](const auto& format) { return format->rows_are_lines(); };
  if (std::any_of(formats_.begin(), formats_.end(), is_lines)) fetch();
  ask_ends();
  uint64_t bytes = 0;
  for (size_t file = 0; file < files_.size(); ++file)
    bytes += is_elsewhere(file) ? told(file).bytes : size_of(files_[file]);
  return bytes;
}

std::string Files::where(const Record& record) const {
  const DataFile& file = files_[static_cast<size_t>(record.file)];
  const bool lines = format(static_cast<size_t>(file.group)).rows_are_lines();
  return fmt::format("{}{}{}", shown_name(file), lines ? ":" : ", row ", record.line);
}

}  // namespace tekio
