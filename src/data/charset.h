// Character encodings of data files by name, and their conversion to UTF-8. The C library's iconv converts; what it
// knows of an encoding that Python's codecs know otherwise is put right here, so that rows are those of the reference.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tekio {

struct Charset {
  std::string name = "utf-8";     ///< one name for each, in small letters: in messages and in a token store's key
  std::string library = "UTF-8";  ///< as iconv calls it

  bool is_utf8() const { return library == "UTF-8"; }
};

/// The encoding of this name, whatever its case and separators: Python's names and aliases, and what else iconv knows.
/// Errors: usage (unknown; the message proposes near names).
Charset find_charset(std::string_view name);

/// The byte order mark of another encoding than UTF-8 that `head`, at least four bytes of a longer text, begins with.
struct ByteOrderMark {
  Charset charset;
  size_t size = 0;
};
std::optional<ByteOrderMark> byte_order_mark(std::string_view head);

/// Converts a stream of bytes piece by piece.
class CharsetDecoder {
 public:
  /// Room that any character fits, and what a charset with states writes at its end.
  static constexpr size_t kLeastRoom = 64;

  enum class State {
    done,        ///< all bytes are converted
    full,        ///< there was no more room
    incomplete,  ///< what is left may be the beginning of a character: give it again with more behind it
    malformed,   ///< what is left begins with bytes that are none in this encoding
  };
  struct Step {
    size_t read = 0, written = 0;
    State state = State::done;
  };

  /// Errors: usage (the C library of this machine lacks the conversion).
  explicit CharsetDecoder(const Charset& charset);
  ~CharsetDecoder();
  CharsetDecoder(const CharsetDecoder&) = delete;
  CharsetDecoder& operator=(const CharsetDecoder&) = delete;

  /// `out`: at least kLeastRoom.
  Step decode(std::string_view bytes, std::span<char> out);
  /// Writes what is held back (an accent may follow a letter); returns the bytes written.
  size_t finish(std::span<char> out);

 private:
  struct Exception;
  static const Exception* exception_of(const std::string& library);
  size_t put_right(std::span<char> out, size_t size) const;

  void* converter_;
  const Exception* exception_;
};

/// All of `bytes` as UTF-8; nullopt if they are malformed. `cut`: they may end within a character.
std::optional<std::string> decoded(const Charset& charset, std::string_view bytes, bool cut = false);

}  // namespace tekio
