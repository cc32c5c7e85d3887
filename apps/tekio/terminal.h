// What a text is shown on: whether it is a terminal, how wide that is now, whether it may be coloured; and texts
// measured and broken in its columns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tekio::cli {

/// Whether `descriptor` is a terminal on which a line can be drawn anew (not TERM=dumb).
bool is_terminal(int descriptor);
/// Whether to colour: NO_COLOR says no, else FORCE_COLOR yes, else where it is a terminal. Either counts where it is
/// not empty (FORCE_COLOR=0 is no).
bool is_coloured(int descriptor);
/// Columns: COLUMNS where that is a number, else what the terminal says now, else 80.
int64_t terminal_width(int descriptor);

/// Columns that UTF-8 text takes: none for combining characters, two for East Asian wide ones and most emoji.
int64_t columns_of(std::string_view text);
/// `text` in lines of at most `width` columns, broken at blanks; each but the first begins with `indent` blanks. A word
/// that is wider stays whole, and no line begins with "·", "±" or "%".
std::string folded(std::string_view text, int64_t width, int64_t indent);

}  // namespace tekio::cli
