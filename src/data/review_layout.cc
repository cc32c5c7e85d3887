// The order of rows decides where chunks are cut, so it must be the one of stanfordnlp/imdb on the Hub. That data set
// has the reviews of a class in the order of the authors' archive: runs of 128 numbers, each run descending (127 … 0,
// 255 … 128, …). Where the folder holds that archive's files, which its review number 0 tells, rows come in this order;
// reviews that someone else laid out in the same way come by ascending number.
#include "data/review_layout.h"

#include <xxhash.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/file.h"
#include "base/system_error.h"

namespace tekio {
namespace {

/// XXH3-64 of review number 0 of each class of the published archive.
struct PublishedClass {
  const char* split;  // as stanfordnlp/imdb names it
  const char* folder;
  int8_t label;
  const char* first_file;
  uint64_t first_digest;
};
constexpr PublishedClass kClasses[] = {
    {"train", "train/neg", 0, "0_3.txt", 0x532112f82cacc775},
    {"train", "train/pos", 1, "0_9.txt", 0x3297c1f309caca02},
    {"test", "test/neg", 0, "0_2.txt", 0x6de1d943e30ddc66},
    {"test", "test/pos", 1, "0_10.txt", 0xf5ccdfb171a06b81},
    {"unsupervised", "train/unsup", -1, "0_0.txt", 0xb678b1197190d65b},
};
constexpr int64_t kRun = 128;

bool is_published(const fs::path& folder, const PublishedClass& known) {
  const fs::path first = folder / known.first_file;
  std::error_code ignored;
  if (!fs::is_regular_file(first, ignored) || fs::file_size(first, ignored) > 100'000) return false;
  const MappedFile file(first);
  return XXH3_64bits(file.bytes().data(), file.size()) == known.first_digest;
}

int64_t review_number(const fs::path& path) {
  const std::string name = path.filename().string();
  int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end == name.data() || *end != '_')
    fail(ErrorKind::input, "{} stands among reviews, but its name is not NUMBER_STARS.txt; move it elsewhere",
         printable(path.string(), 300));
  return number;
}

std::vector<DataFile> class_files(const fs::path& folder, const PublishedClass& known) {
  std::vector<std::pair<int64_t, fs::path>> numbered;
  try {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const fs::path& path = entry.path();
      if (path.extension() == ".txt" && path.filename().string().front() != '.')
        numbered.emplace_back(review_number(path), path);
    }
  } catch (const fs::filesystem_error& error) {
    fail_system({error.code(), folder}, "cannot list the folder {}: {}", printable(folder.string(), 300));
  }
  const bool published = is_published(folder, known);
  std::sort(numbered.begin(), numbered.end(), [published](const auto& a, const auto& b) {
    if (published && a.first / kRun != b.first / kRun) return a.first / kRun < b.first / kRun;
    return published ? b < a : a < b;
  });
  std::vector<DataFile> files;
  for (auto& [number, path] : numbered)
    files.push_back({.path = std::move(path), .kind = FileKind::review, .label = known.label});
  return files;
}

}  // namespace

SplitFiles find_reviews(const fs::path& folder) {
  SplitFiles splits;
  for (const PublishedClass& known : kClasses) {
    std::error_code ignored;  // what may not be looked at is told where the folder is listed
    if (!fs::is_directory(folder / known.folder, ignored)) continue;
    std::vector<DataFile> files = class_files(folder / known.folder, known);
    if (files.empty()) continue;
    if (splits.empty() || splits.back().first != known.split) splits.emplace_back(known.split, std::vector<DataFile>());
    auto& all = splits.back().second;
    std::move(files.begin(), files.end(), std::back_inserter(all));
  }
  return splits;
}

}  // namespace tekio
