// A data file's text: opened, unpacked, and converted to UTF-8 where it is in another encoding. UTF-16 and UTF-32 with
// a byte order mark are told by it, whatever encoding was named. What stands in a file's place (a pointer, a page, a
// workbook under a wrong name) is refused by its first bytes.
#pragma once

#include <memory>

#include "data/byte_stream.h"
#include "data/layout.h"

namespace tekio {

/// Errors: as ByteStream; input (not text at all; read(): bytes that are none in the encoding, with file and line).
std::unique_ptr<ByteStream> open_text(const DataFile& file);

/// `file` with the encoding that its bytes are likely in: what --encoding auto does. Reads it through.
/// Errors: input (none is likely).
Charset detect_charset(const DataFile& file);

}  // namespace tekio
