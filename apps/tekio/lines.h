// Lines of a stream that is read once, standard input above all: \n, \r\n and a lone \r end a line, and a byte order
// mark says that it is UTF-16 or UTF-32, as in a .txt file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace tekio::cli {

/// Calls `use` with each line and its number (from 1). A last line without an end counts; nothing after the last end
/// does not. Errors: io (the stream cannot be read; `where` names it).
void read_lines(int descriptor, const char* where,
                const std::function<void(std::string_view line, int64_t number)>& use);

/// A text that is to be UTF-8; `where` names it. Errors: input, with `advice`, else with the encoding that the text is
/// likely in.
void require_utf8(std::string_view text, const std::string& where, const std::string& advice = "");
/// Says, where somebody sits at the keyboard, that the program waits for lines.
void note_standard_input();

}  // namespace tekio::cli
