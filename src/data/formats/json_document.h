// Where the rows of a JSON file lie: on lines, in one array, or in an array within one document. Documents are walked
// over, whatever their size; of what is not a row only brackets and strings are looked at.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "data/formats/byte_rows.h"

namespace tekio {

inline bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// JSON Lines, or one array: the first character that is no space decides.
class JsonSplitter : public Splitter {
 public:
  using Splitter::Splitter;
  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override;
  std::string row_end() const override {
    return message("line ends, or are the elements of an array, which --json_field finds within a document");
  }

 protected:
  size_t skip_space(std::string_view bytes, size_t at);
  /// Elements of an array, its "[" behind; ends behind its "]" (in_array() is false then), or where more is needed.
  size_t split_elements(std::string_view bytes, size_t at, bool last, std::vector<Record>& records);
  bool in_array() const { return place_ == Place::before_element || place_ == Place::after_element; }
  void enter_array() { place_ = Place::before_element, any_element_ = false; }

 private:
  enum class Place { start, lines, before_element, after_element, behind_array };
  size_t split_lines(std::string_view bytes, size_t at, bool last, std::vector<Record>& records);
  void refuse_document(std::string_view bytes) const;

  Place place_ = Place::start;
  bool any_element_ = false;
};

/// The elements of the array under a key of one object, or under a path of keys ("export.records"), whatever stands
/// around it.
class DocumentSplitter final : public JsonSplitter {
 public:
  DocumentSplitter(const DataFile& file, std::string field);
  size_t split(std::string_view bytes, bool last, std::vector<Record>& records) override;

 private:
  enum class Place { start, key, value, skip, rows, after_value, end };
  size_t enter(std::string_view bytes, size_t at);
  size_t read_key(std::string_view bytes, size_t at, bool last);
  size_t begin_value(std::string_view bytes, size_t at);
  size_t skip_value(std::string_view bytes, size_t at);
  size_t after_value(std::string_view bytes, size_t at);
  [[noreturn]] void fail_malformed(const char* expected) const;
  void check_found() const;

  const std::string field_;
  std::vector<std::string> wanted_;  // what is left of the path, by object that was entered
  std::vector<std::string> keys_;    // of the outermost object, for messages
  std::string key_;
  Place document_ = Place::start;
  bool found_ = false, any_key_ = false;
  int64_t depth_ = 0;  // within a value that is skipped
  bool in_string_ = false, escaped_ = false;
};

}  // namespace tekio
