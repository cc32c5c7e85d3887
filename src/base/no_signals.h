// What threads beside the first do about signals: nothing.
#pragma once

namespace tekio {

/// Leaves the signals that are sent to the process to other threads than the one that calls this; what concerns the
/// thread itself (a fault) stays.
void take_no_signals();

}  // namespace tekio
