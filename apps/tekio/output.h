// Standard output, which belongs to results alone. Buffered; every write that fails (a full disk, a closed pipe) is an
// io error, so that a script never takes half a result for a whole one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace tekio::cli {

class Output {
 public:
  explicit Output(int descriptor = 1) : descriptor_(descriptor) {}
  /// Into a text instead, which must outlive this.
  explicit Output(std::string& text) : descriptor_(-1), text_(&text) {}
  /// The same, but for documents, which are passed on as they are: names of files in them may be no UTF-8, which JSON
  /// holds alone.
  Output(std::string& text, OrderedJson& document) : descriptor_(-1), text_(&text), document_(&document) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(std::string_view text);
  void line(std::string_view text) { write(text), write("\n"); }
  /// A line for people: broken where the terminal ends, and gone on with under `indent`.
  void folded_line(std::string_view text, int64_t indent = 10);
  /// Columns of the terminal that it goes to; nullopt: to none.
  std::optional<int64_t> width() const;
  /// One document and a line end. Numbers that JSON has not (infinite, not a number) become null.
  void json(const OrderedJson& document);
  /// Errors: io.
  void flush();

 private:
  int descriptor_;
  std::string* text_ = nullptr;
  OrderedJson* document_ = nullptr;
  std::string buffer_;
};

/// A word or two as a key of our JSON documents: "bf16 weights" as "bf16_weights".
std::string json_key(std::string_view words);

}  // namespace tekio::cli
