// What separates the columns of a table, and how its records are cut into fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/formats/byte_rows.h"

namespace tekio {

inline constexpr std::string_view kCsvSeparators = ",;\t|";

struct CsvOptions {
  char separator = '\0';  ///< '\0': recognised
  char usual = ',';       ///< what is taken where nothing else is seen
  bool header = true;
  std::vector<std::string> names;  ///< of the columns, where there is no header
};

struct CsvDialect {
  char separator = ',';
  bool told = false;  ///< by an option or by the file's own "sep=;" line, so not recognised
  size_t bytes_skipped = 0;
  int64_t lines_skipped = 0;  ///< of that line
};

/// The dialect of a file that begins with `bytes`, its byte order mark left out. A separator that is given is believed;
/// else a first line "sep=;" (Excel's), else the separator that cuts the first records into as many fields as the
/// header has. Errors: input (several do).
CsvDialect find_dialect(std::string_view bytes, bool last, const CsvOptions& options, const std::string& shown_path);

/// Where a CSV record ends. A quote opens a quoted field only at the field's start and is doubled inside it (RFC 4180);
/// what follows a closing quote belongs to the field as it is, which is how the reference's reader takes it.
struct CsvEnd {
  size_t end = kNone, next = kNone;  ///< of the record; of the record after it
  bool in_quotes = false;            ///< not whole: it stops within a quoted field
  bool torn = false;                 ///< text follows the closing quote of a field that goes on over several lines
};
CsvEnd csv_end(std::string_view bytes, size_t at, char separator, bool last);

/// A line in place of a header, above a table: what separates the columns of all records behind it, of which there are
/// two at least; '\0' if they are not a table. `bytes`: from there on.
char separator_behind_title(std::string_view bytes, bool last);

/// A record's fields, unquoted. Views into `record` or `scratch`.
void split_fields(std::string_view record, char separator, std::vector<std::string_view>& fields, std::string& scratch);

/// "a comma", "a tab".
std::string separator_name(char separator);

}  // namespace tekio
