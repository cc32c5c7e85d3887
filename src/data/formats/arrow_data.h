// Columns as the Arrow C data interface hands them over, whoever made them: read value by value, as text or as JSON.
// What can be checked of such memory is checked (types, numbers of buffers and children, offsets that go backwards);
// how long a buffer is nobody says, so its maker must be trusted with that.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow_module/c_data.h"

namespace tekio {

/// The structs of the interface, released when they are no longer needed.
template <typename Struct>
class ArrowOwned {
 public:
  ArrowOwned() = default;
  ~ArrowOwned() { reset(); }
  ArrowOwned(const ArrowOwned&) = delete;
  ArrowOwned& operator=(const ArrowOwned&) = delete;
  /// To be filled by whoever makes it.
  Struct* fill() {
    reset();
    return &value_;
  }
  Struct* get() { return &value_; }
  const Struct& operator*() const { return value_; }
  /// False before it was filled, and at a stream's end.
  explicit operator bool() const { return value_.release != nullptr; }

 private:
  void reset() {
    if (value_.release != nullptr) value_.release(&value_);
    value_ = Struct{};
  }
  Struct value_{};
};

/// A column's type, or that of what is within it.
struct ArrowType {
  enum class Kind : uint8_t {
    null,
    boolean,
    integer,       ///< `bytes` wide
    natural,       ///< without a sign
    real,          ///< 2, 4 or 8 bytes
    decimal,       ///< `scale` digits behind the point
    string,        ///< 32-bit offsets
    large_string,  ///< 64-bit offsets
    string_view,
    binary,
    large_binary,
    binary_view,
    fixed_binary,  ///< `bytes` each
    date,          ///< of days (4 bytes) or milliseconds (8)
    time,
    timestamp,
    duration,
    interval,
    structure,
    list,
    large_list,
    fixed_list,  ///< `bytes` values each
    list_view,
    large_list_view,
    map,
    other,  ///< one that is not read
  };
  Kind kind = Kind::other;
  int64_t bytes = 0;
  int32_t scale = 0;
  int64_t per_second = 1;  ///< of times: units
  bool has_zone = false;   ///< of a timestamp: it is UTC
  std::string name;        ///< of the column or field
  std::string format;      ///< as the interface writes it
  std::vector<ArrowType> children;
  std::unique_ptr<ArrowType>
      dictionary;  ///< the type of the values where they are written once; then kind is its indices'

  /// Errors: input (nested deeper than 64, more than 20,000 columns; the interface's rules are broken).
  static ArrowType of(const ArrowSchema& schema);

  bool is_text() const;
  bool is_word_list() const;  ///< a list of strings
  /// As messages name it: "string", "list of strings", "int64".
  std::string shown() const;
  /// "lists of strings".
  std::string plural() const;
  const ArrowType* child(std::string_view child_name) const;
};

/// Fails where an array is not one of its type. Errors: input.
void check_array(const ArrowType& type, const ArrowArray& array, int64_t rows);

bool is_null(const ArrowType& type, const ArrowArray& array, int64_t row);

/// A value of a type that is_text() and is not null. Errors: input (offsets that make no sense).
std::string_view arrow_text(const ArrowType& type, const ArrowArray& array, int64_t row);

/// Appends the strings of a list, a value of a type that is_word_list() and is not null, with kWordMark between them;
/// false where one is null. Errors: as arrow_text; input (a string that is not UTF-8, as it has that byte).
bool append_words(const ArrowType& type, const ArrowArray& array, int64_t row, std::string& out);

/// Appends a value as JSON. Text stays text, of which no byte is looked at here but those that JSON escapes; bytes are
/// written in Base64, times as ISO 8601 has them, NaN and infinities as null, maps as lists of pairs.
void append_json(const ArrowType& type, const ArrowArray& array, int64_t row, std::string& out);

/// A column by its keys from the outside inwards within a table's columns.
class ArrowPath {
 public:
  /// False where a key is missing, which `missing` then names.
  static bool find(const ArrowType& table, const std::vector<std::string>& keys, ArrowPath& path);
  const ArrowType& type() const { return *types_.back(); }
  /// The column's array within a batch and the row there; false where it, or a struct around it, is null.
  bool at(const ArrowArray& batch, int64_t& row, const ArrowArray*& array) const;

 private:
  std::vector<const ArrowType*> types_;  // the table first
  std::vector<size_t> places_;           // of each type among its parent's children
};

}  // namespace tekio
