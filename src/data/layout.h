// Which files a data spec means, and which split each belongs to. Names decide, as in the reference stack:
// "train.jsonl.zst", "data/test-00000-of-00002.csv", "valid/…"; a single file is "train", whatever its name.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/byte_stream.h"
#include "data/charset.h"
#include "data/file_end.h"

namespace tekio {

enum class FileKind : uint8_t {
  text,    ///< one row a line
  json,    ///< JSON Lines, or one array of objects or strings
  csv,     ///< comma-separated with a header
  tsv,     ///< tab-separated with a header
  review,  ///< the whole file is one row: the Large Movie Review Dataset
  parquet,
  arrow,   ///< an Arrow IPC file or stream: what the reference stack's caches and save_to_disk() keep
  memory,  ///< no file: rows that are in memory
};

/// Whether its rows are stretches of text; else they lie in columns of their own types.
inline bool is_text_kind(FileKind kind) {
  return kind != FileKind::parquet && kind != FileKind::arrow && kind != FileKind::memory;
}

struct MemoryRows;

struct DataFile {
  std::filesystem::path path;
  FileKind kind = FileKind::text;
  Packing packing = Packing::none;
  int8_t label = 0;   ///< of a review: 0 negative, 1 positive, -1 unknown
  int32_t group = 0;  ///< files of one kind that came from one spec: they share their columns
  Charset charset;    ///< of its text, where no byte order mark says another
  std::string shown;  ///< what messages call it where that is not its path: standard input
  /// Of a file that may not be here yet: brings its end, for formats that say there what they hold; nullptr, or no such
  /// function: it must be fetched whole.
  std::function<std::shared_ptr<const FileEnd>()> end;
  std::shared_ptr<const MemoryRows> memory;  ///< of the kind memory: its rows; there is no path then
};

/// As messages name it.
std::string shown_name(const DataFile& file);

/// A spec's files by split, in this order: train, validation, test, unsupervised, others by name.
using SplitFiles = std::vector<std::pair<std::string, std::vector<DataFile>>>;

/// Where a spec's data lies.
struct DataPlace {
  std::string path;                  ///< a file, a folder, "-" or a pattern
  std::optional<std::string> split;  ///< of PATH:SPLIT: a name, or slices (split_slice.h)
  bool is_pattern = false;
};
/// "PATH", "PATH:SPLIT", a pattern that matches, "-"; a path that is there comes before what else it could mean.
std::optional<DataPlace> find_data_place(const std::string& spec);

/// Says that nothing is where a spec points, and what is near: one of `names`, or a path. `or_else` is put behind
/// "there is no file or folder SPEC". Errors: io, always; input (a link that leads nowhere).
[[noreturn]] void fail_no_data(const std::string& spec, const std::string& or_else,
                               const std::vector<std::string>& names);

/// All splits at a place, whichever it asks for. Errors: io (no regular file), input (no readable kind of file, files
/// of several kinds).
SplitFiles find_files(const DataPlace& place);

/// The split that a file's path below its folder names; empty if it names none.
std::string split_of(const std::filesystem::path& relative);

}  // namespace tekio
