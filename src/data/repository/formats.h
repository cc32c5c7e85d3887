// Which of a repository's files are data, and in which format: the most frequent ending decides, as in the reference,
// which reads all files of a split with one of its modules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tekio {

/// Whether one of a name's endings ("a.jsonl.gz" has two) is one that the reference knows. Letters' case counts.
bool has_data_ending(std::string_view name);

/// The format of most of the files ("csv", "json", "text", "parquet", "arrow", or one that is not read here: "images",
/// "tar", …); of equally frequent endings .parquet goes first, then .arrow, .jsonl, .json, .csv, the last by the
/// alphabet. Empty: none has an ending that is known.
std::string format_of(const std::vector<std::string>& names);
/// Whether Tekio has a reader for the format.
bool is_read(std::string_view format);
/// Whether a name has an ending of the format, or is an archive, which may hold such files.
bool is_of_format(std::string_view name, std::string_view format);

}  // namespace tekio
