// A run, or several beside each other, as one page that needs nothing else: no network, no script.
#pragma once

#include <span>
#include <string>

#include "report/run.h"

namespace tekio::report {

/// HTML. `runs`: at least one.
std::string page(std::span<const Run> runs);

/// Every update and evaluation of the runs as a table: RFC 4180, with a header.
std::string csv(std::span<const Run> runs);

/// What `tekio report --json` prints: {"runs": […]}.
OrderedJson document(std::span<const Run> runs);

}  // namespace tekio::report
