// The columns of a Parquet or Arrow file, or of rows in memory, as their own schema has them.
#pragma once

#include "data/formats/format.h"

namespace tekio {

/// `whole`: with how long the strings of the first rows are, for which these are read. Errors: io, input.
Head columnar_head(const DataFile& file, bool whole);
/// The same of rows in memory.
Head memory_head(const MemoryRows& rows, bool whole);

}  // namespace tekio
