// A data file's text: opened, unpacked, and converted to UTF-8 where it is in another encoding. UTF-16 and UTF-32 with
// a byte order mark are told by it, whatever encoding was named. What stands in a file's place (a pointer, a page, a
// workbook under a wrong name) is refused by its first bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/byte_stream.h"
#include "data/layout.h"

namespace tekio {

/// Errors: as ByteStream; input (not text at all; read(): bytes that are none in the encoding, with file and line).
std::unique_ptr<ByteStream> open_text(const DataFile& file);

/// Gives files the encoding of this name (ReadOptions::encoding). "auto": each the one that its bytes are likely in,
/// for which it is read through; told in a note where it is not UTF-8, with a warning where another is as likely. A
/// name is believed, with a warning where a file's bytes speak against it. Errors: usage (unknown name), input (auto:
/// none is likely).
void set_charsets(std::vector<DataFile>& files, const std::string& encoding);

/// Whether bytes are UTF-8 without NUL and without the escape sequences of ISO-2022.
bool is_text(std::string_view bytes);

/// Fails unless is_text(). `file`: what they are of, which is judged for advice; `where`: FILE:LINE.
/// Errors: input (the byte, and what encoding the file is likely in).
void check_text(std::string_view bytes, const DataFile& file, const std::string& where);

}  // namespace tekio
