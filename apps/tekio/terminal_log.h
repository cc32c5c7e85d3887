// What a command says on stderr. stdout belongs to results alone. `--quiet` silences notes and progress, never
// warnings. What cannot be written (the terminal is gone, the disk full) is lost: a run does not end for want of its
// log.
#pragma once

#include <string_view>

namespace tekio::cli {

/// From now on stderr has what the library says: notes as they are, warnings behind "tekio: warning: "; on a terminal
/// that is narrower broken at blanks, and continued under where their text begins (" label    text"). Progress is a bar
/// with rate and time left, as wide as the terminal allows, which clears itself; where stderr is none, a plain line
/// every ten seconds.
void log_to_stderr();

/// Silences notes and progress. Set once, at start.
void set_quiet(bool quiet);
/// Async-signal-safe.
bool is_quiet();
/// For one of several processes that do the same: another says it all. What is left is report_error().
void set_silent();

/// One line, beginning with "tekio: ": why the program ends.
void report_error(std::string_view line);

/// Whether a bar stands on the terminal now. Async-signal-safe.
bool is_bar_shown();

}  // namespace tekio::cli
