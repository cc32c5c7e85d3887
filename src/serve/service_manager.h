// What whoever started this process as a service is told.
#pragma once

#include <string_view>

namespace tekio::serve {

/// Sends `state` ("READY=1", and more such lines) to the Unix socket that NOTIFY_SOCKET names, as systemd reads it of a
/// service with Type=notify. Where it is not set, to nobody; where nobody takes it, a warning says so.
void tell_service_manager(std::string_view state);

}  // namespace tekio::serve
