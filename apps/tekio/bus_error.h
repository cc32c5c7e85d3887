// The one error that no exception can tell.
#pragma once

namespace tekio::cli {

/// From now on a mapped file that somebody cuts short while it is read, or whose disk fails, ends the program with one
/// sentence and the exit code of an io error. The kernel tells that by SIGBUS, at any place that reads.
void report_lost_mapped_files();

}  // namespace tekio::cli
