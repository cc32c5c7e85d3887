// What a file's name says about what it holds.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "data/layout.h"

namespace tekio {

inline constexpr const char* kKindsRead =
    ".txt .jsonl .json .ndjson .csv .tsv, also packed as .gz, .zst, .bz2 or .xz; .parquet .arrow";

struct NameVerdict {
  std::optional<FileKind> kind;
  Packing packing = Packing::none;
  std::string refusal;   ///< of data that is not read: why, and what to do
  std::string remedy;    ///< of what is no data as it is (a workbook, a document): what to do
  bool is_text = false;  ///< .text .log .md: text where it is meant, papers where it lies beside data
};

NameVerdict judge_name(const std::filesystem::path& path);

/// The reference stack takes these for descriptions of a data set, not for data.
bool is_description(const std::string& name);

}  // namespace tekio
