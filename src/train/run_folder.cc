// Only files that a run writes are ever removed, and only where options.json says that the folder is a run's.
#include "train/run_folder.h"

#include <unistd.h>

#include <tekio/tokenizer.h>
#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/system_error.h"
#include "train/plan.h"
#include "train/run_checkpoint.h"
#include "train/run_record.h"

namespace tekio {
namespace {

constexpr std::string_view kCheckpointPrefix = "checkpoint-";
constexpr const char* kMarker = "options.json";
constexpr const char* kOptionsFile = "options.toml";
constexpr const char* kMetrics = "metrics.jsonl";
constexpr const char* kFinished = "all_results.json";
constexpr const char* kPrevious = "previous-run";
constexpr const char* kLock = ".tekio-lock";
const char* const kRunFiles[] = {"all_results.json", "eval_results.json", "train_results.json", "trainer_state.json",
                                 "metrics.jsonl",    "model.safetensors", "config.json",        "options.toml",
                                 "options.json",     kRunRecord,          kEvaluationBefore,    kEvaluationDetails,
                                 kReportPage};

std::vector<const char*> all_run_files() {
  std::vector<const char*> names(std::begin(kRunFiles), std::end(kRunFiles));
  names.insert(names.end(), Tokenizer::files().begin(), Tokenizer::files().end());
  return names;
}

bool is_ours(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / kMarker, ignored)) return false;
  try {
    const Json options = read_json(folder / kMarker);
    return options.is_object() && options.contains("tekio_format");
  } catch (const Error&) {
    return false;
  }
}

/// The first entry that is neither a temporary of ours nor the lock, or empty.
std::string first_entry(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path name = entry.path().filename();
    if (!is_temporary(name) && name != kLock) return name.string();
  }
  return {};
}

}  // namespace

std::vector<int64_t> checkpoints_in(const fs::path& folder) {
  std::vector<int64_t> steps;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kCheckpointPrefix) || !entry.is_directory(ignored)) continue;
    int64_t step = 0;
    const char* const end = name.data() + name.size();
    const auto [stopped, error] = std::from_chars(name.data() + kCheckpointPrefix.size(), end, step);
    if (error == std::errc() && stopped == end && step > 0 && fmt::format("{}{}", kCheckpointPrefix, step) == name)
      steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

fs::path checkpoint_in(const fs::path& folder, int64_t step) {
  return folder / fmt::format("{}{}", kCheckpointPrefix, step);
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code ignored;
  const fs::path relative =
      fs::weakly_canonical(path, ignored).lexically_relative(fs::weakly_canonical(folder, ignored));
  return !relative.empty() && *relative.begin() != "..";
}

fs::path next_free_name(const fs::path& folder) {
  const fs::path plain = folder.lexically_normal();
  const fs::path given = plain.has_filename() ? plain : plain.parent_path();  // "run/" is "run"
  if (given == "." || given.filename() == "..") return given / "run";
  std::string name = given.filename().string();
  int64_t number = 2;
  const size_t digits = name.find_last_not_of("0123456789") + 1;  // "run-2" is the second of "run"
  if (digits > 1 && digits < name.size() && name[digits - 1] == '-' && name[digits] != '0' &&
      name.size() - digits < 10) {
    std::from_chars(name.data() + digits, name.data() + name.size(), number);
    name.resize(digits - 1);
    ++number;
  }
  std::error_code ignored;
  fs::path free;
  do {
    free = given.parent_path() / fmt::format("{}-{}", name, number++);
  } while (fs::exists(fs::symlink_status(free, ignored)));
  return free;
}

RunFolder::RunFolder(const TrainingOptions& o)
    : path_(o.output_dir), lock_(path_ / kLock), resume_(o.resume_from_checkpoint), overwrite_(o.overwrite_output_dir) {
  if (lock_.is_held()) refuse_in_use();
  check_contents();
}

RunFolder::~RunFolder() {
  lock_.release();
  for (const fs::path& folder : made_) ::rmdir(folder.c_str());  // does nothing where there is something in it
}

void RunFolder::claim() {
  std::error_code error;
  for (fs::path at = path_; !at.empty() && !fs::exists(at, error); at = at.parent_path()) made_.push_back(at);
  fs::create_directories(path_, error);
  if (error) fail_system({error, path_}, "cannot write --output_dir {}: {}", printable(path_.string(), 300));
  if (!lock_.take()) refuse_in_use();
  check_contents();
}

DiskReserve RunFolder::reserve(const DiskPlan& plan) const {
  DiskReserve room(path_, plan.model_bytes, "the trained model");
  const int64_t to_come = plan.checkpoints - static_cast<int64_t>(checkpoints().size());
  if (const std::string shortage = plan.shortage(to_come, free_bytes(path_)); !shortage.empty())
    warn(message("--output_dir {}: {}", printable(path_.string(), 300), shortage));
  return room;
}

void RunFolder::refuse_in_use() const {
  fail(ErrorKind::usage,
       "--output_dir {} is in use: another run writes into it; wait for its end or name another folder, {} say",
       printable(path_.string(), 300), printable(next_free_name(path_).string(), 300));
}

void RunFolder::check_contents() const {
  const std::string shown = printable(path_.string(), 300);
  const auto free = [&] { return printable(next_free_name(path_).string(), 300); };
  if (!resume_.empty() && resume_ != "auto") {
    std::error_code hidden;
    const fs::file_status found = fs::status(resume_, hidden);
    if (!fs::status_known(found))
      fail_system({hidden, resume_}, "cannot read the checkpoint {}: {}", printable(resume_, 300));
    if (!fs::is_directory(found))
      fail({fs::exists(found) ? std::errc::not_a_directory : std::errc::no_such_file_or_directory, resume_},
           "there is no checkpoint {}; --resume_from_checkpoint alone takes the run's newest", printable(resume_, 300));
  }
  try {
    if (!fs::exists(path_)) return;
    if (!fs::is_directory(path_)) fail(ErrorKind::usage, "--output_dir {} is a file; name a folder", shown);
    const std::string entry = first_entry(path_);
    if (entry.empty()) return;
    if (!is_ours(path_))
      fail(ErrorKind::usage,
           "--output_dir {} holds files that are not a run's ({}, say); name an empty or a new folder, {} say", shown,
           printable(entry), free());
    if (overwrite_ && (resume_ == "auto" || (!resume_.empty() && lies_in(resume_, path_))))
      fail(ErrorKind::usage,
           "--resume_from_checkpoint would go on from a checkpoint that --overwrite_output_dir removes from {}; give "
           "one of the two",
           shown);
    if (overwrite_) return;
    const bool resumes_here = resume_ == "auto" || (!resume_.empty() && lies_in(resume_, path_));
    if (fs::exists(path_ / kFinished) && !(resumes_here && !checkpoints().empty()))
      fail(ErrorKind::usage,
           "--output_dir {} holds a finished run; name another folder, --output_dir {} say, or pass "
           "--overwrite_output_dir to replace it",
           shown, free());
    if (!checkpoints().empty() && !resumes_here)
      fail(ErrorKind::usage,
           "--output_dir {} holds a run that was stopped at update {}; pass --resume_from_checkpoint to go on with it, "
           "--overwrite_output_dir to begin anew, or name another folder, {} say",
           shown, checkpoints().back(), free());
  } catch (const fs::filesystem_error& error) {
    fail_system({error.code(), path_}, "cannot read --output_dir {}: {}", shown);
  }
}

std::optional<fs::path> RunFolder::checkpoint_to_resume() const {
  if (resume_.empty()) return std::nullopt;
  if (resume_ != "auto") {
    verify_checkpoint(resume_);
    return resume_;
  }
  const std::vector<int64_t> steps = checkpoints();
  if (steps.empty()) {
    note(fmt::format("no checkpoint in {} yet: beginning at the beginning", path_.string()));
    return std::nullopt;
  }
  std::string newest_damage;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    try {
      verify_checkpoint(checkpoint(*step));
      if (!newest_damage.empty())
        warn(fmt::format("{}; going on from {} instead", newest_damage, checkpoint(*step).string()));
      return checkpoint(*step);
    } catch (const Error& error) {
      if (newest_damage.empty()) newest_damage = error.what();
    }
  }
  fail(ErrorKind::input,
       "none of {} in {} is usable ({}); pass --overwrite_output_dir instead of "
       "--resume_from_checkpoint to begin anew",
       counted(static_cast<int64_t>(steps.size()), "checkpoint"), path_.string(), newest_damage);
}

void RunFolder::begin(const Json& options, const std::string& options_toml) {
  try {
    remove_stale_temporaries(path_);
    was_free_ = !is_ours(path_);
    if (overwrite_ && is_ours(path_)) set_previous_run_aside();
    fs::remove(path_ / kFinished);  // a finished run that is gone on with is no longer finished
    fs::remove(path_ / kRunRecord);
    if (options_toml.empty()) fs::remove(path_ / kOptionsFile);  // an earlier session's may no longer be true
  } catch (const fs::filesystem_error& error) {
    fail_system({error.code(), path_}, "cannot write --output_dir {}: {}", printable(path_.string(), 300));
  }
  Json document = options;
  document["tekio_format"] = 1;
  write_atomically(path_ / kMarker, pretty_json(document));
  if (!options_toml.empty()) write_atomically(path_ / kOptionsFile, options_toml);
}

void RunFolder::abandon() {
  std::error_code ignored;
  if (std::exchange(was_free_, false))
    for (const char* name : {kMetrics, kOptionsFile, kEvaluationBefore, kMarker}) fs::remove(path_ / name, ignored);
}

/// An overwritten run may be the only copy of a model, so it stays until the new one is whole. Where such a run already
/// lies aside, what stands in its place is a run that came to nothing: that one gives way. The marker moves last, so
/// that a move that was broken off is told from one that was done.
void RunFolder::set_previous_run_aside() const {
  const fs::path aside = path_ / kPrevious;
  const bool finished = fs::exists(path_ / kFinished);
  if (finished) fs::remove_all(aside);
  if (!finished && is_ours(aside)) {
    for (const char* name : all_run_files()) fs::remove(path_ / name);
    for (const int64_t step : checkpoints()) remove_folder(checkpoint(step));
  } else {
    fs::create_directory(aside);
    for (const int64_t step : checkpoints()) fs::rename(checkpoint(step), aside / checkpoint(step).filename());
    const auto move = [&](const char* name) {
      if (fs::exists(path_ / name)) fs::rename(path_ / name, aside / name);
    };
    for (const char* name : all_run_files())
      if (std::string_view(name) != kMarker) move(name);
    move(kMarker);
  }
  note(fmt::format(" the run that is overwritten stays in {} until this one is done", printable(aside.string(), 300)));
}

void RunFolder::end() const {
  try {
    fs::remove_all(path_ / kPrevious);
  } catch (const fs::filesystem_error& error) {
    fail_system({error.code(), (path_ / kPrevious)}, "cannot remove {}: {}",
                printable((path_ / kPrevious).string(), 300));
  }
  remove_stale_temporaries(path_);
}

fs::path RunFolder::checkpoint(int64_t step) const { return checkpoint_in(path_, step); }

void RunFolder::rotate(int64_t limit, int64_t saved_step, int64_t best_step) const {
  if (limit == 0) return;
  const std::vector<int64_t> steps = checkpoints();
  const auto is_protected = [&](int64_t step) { return step == saved_step || step == best_step; };
  const auto kept = std::max<int64_t>(limit, std::count_if(steps.begin(), steps.end(), is_protected));
  auto surplus = static_cast<int64_t>(steps.size()) - kept;
  for (const int64_t step : steps) {
    if (surplus <= 0) break;
    if (is_protected(step)) continue;
    remove_folder(checkpoint(step));
    --surplus;
  }
}

}  // namespace tekio
