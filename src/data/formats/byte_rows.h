// Formats whose rows are stretches of a file's bytes, one after the other: where one ends and the next one begins is
// all that the reading thread finds out.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/byte_stream.h"
#include "data/formats/format.h"

namespace tekio {

class Splitter {
 public:
  explicit Splitter(const DataFile& file) : file_(file), path_(shown_name(file)) {}
  virtual ~Splitter() = default;

  /// Appends the records that are whole in `bytes` (their begins count from bytes[0]) and returns how many bytes are
  /// done with; the rest is to be given again, with more behind it. `last`: no more will come, so everything is done
  /// with. Errors: input (a quote or array that does not end).
  virtual size_t split(std::string_view bytes, bool last, std::vector<Record>& records) = 0;
  /// What ends a row, for messages.
  virtual std::string row_end() const { return "line ends"; }
  /// As RowStream::header().
  virtual const std::vector<std::string>* header() const { return nullptr; }
  /// The line that the next record begins in.
  int64_t line() const { return line_; }

 protected:
  const DataFile file_;
  std::string path_;  // as messages name it
  int64_t line_ = 1;
};

/// The whole file is one record.
class WholeFileSplitter final : public Splitter {
 public:
  using Splitter::Splitter;
  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override {
    if (!last) return 0;
    records.push_back({0, bytes.size(), 1, 0});
    return bytes.size();
  }
  std::string row_end() const override { return "files"; }
};

/// A file's rows, as a splitter finds them in its unpacked bytes.
class ByteRowStream final : public RowStream {
 public:
  ByteRowStream(const DataFile& file, std::unique_ptr<Splitter> splitter);
  bool append(Block& block) override;
  uint64_t consumed() const override { return stream_->consumed(); }
  const std::vector<std::string>* header() const override { return splitter_->header(); }

 private:
  bool fill(Block& block, size_t target);

  std::string path_;
  std::unique_ptr<ByteStream> stream_;
  std::unique_ptr<Splitter> splitter_;
  std::string carry_;  // bytes of a record that is not whole yet
};

class ByteRowFormat : public RowFormat {
 public:
  virtual std::unique_ptr<Splitter> splitter(const DataFile& file) const = 0;
  std::unique_ptr<RowStream> open(const Files& files, size_t file, Columns columns) const final;
};

constexpr size_t kNone = std::string_view::npos;
/// Where `wanted` stands next, at `from` or behind; kNone.
size_t find_char(std::string_view bytes, size_t from, char wanted);
/// How many bytes a UTF-8 byte order mark takes at the beginning. It is not data (the reference strips it from JSON and
/// CSV, but keeps it in plain text).
inline size_t after_mark(std::string_view bytes) { return bytes.starts_with("\xEF\xBB\xBF") ? 3 : 0; }
int64_t count_lines(std::string_view bytes);

}  // namespace tekio
