// For one of several processes that do the same: another says it all.
#pragma once

namespace tekio {

/// Silences note(), Progress and warn() (log.h). What is left is report_error(): why this process ends.
void set_silent();

}  // namespace tekio
