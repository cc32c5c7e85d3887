// A file that grows by one JSON line per update: RUN/metrics.jsonl and --trace. Not atomic as a whole (a reader may
// follow it), but line by line: a torn last line, and lines past the update that a resumed run starts from, are dropped
// on opening.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/json.h"

namespace tekio {

class LineLog {
 public:
  LineLog() = default;
  /// Keeps the lines of an existing regular file whose "step" is at most `kept_steps`. Errors: io.
  LineLog(const std::filesystem::path& path, int64_t kept_steps);
  ~LineLog();
  LineLog(LineLog&& other) noexcept;
  LineLog& operator=(LineLog&& other) noexcept;

  /// Errors (usage): a file is there that is no log of updates, so opening it as one would destroy it. `option` names
  /// what it was given by.
  static void refuse_foreign(const std::filesystem::path& path, const std::string& option);

  bool is_open() const { return descriptor_ >= 0; }
  /// Writes the document and a line break, whole, before it returns. Errors: io.
  void append(const OrderedJson& document);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace tekio
