// Encodings: the input's first byte picks one, the second how it is cut into pieces, the rest is text in it. However it
// is cut, the outcome is the same and valid UTF-8; a guess decodes what it was made of.
#include "data/charset.h"

#include <simdjson.h>

#include <iterator>
#include <vector>

#include "data/detect_charset.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tekio;
  static const char* const kNames[] = {"utf-8",     "utf-16le",  "utf-32be", "cp1252",      "cp1255",
                                       "shift_jis", "cp932",     "euc-jp",   "gbk",         "gb18030",
                                       "big5",      "euc-kr",    "koi8-r",   "mac-roman",   "utf-7",
                                       "cp1258",    "big5hkscs", "johab",    "iso-2022-jp", "cp949"};
  if (size < 2) return 0;
  const Charset charset = find_charset(kNames[data[0] % std::size(kNames)]);
  const size_t step = data[1] % 16 + 1;
  const std::string_view bytes = fuzz::as_text(data + 2, size - 2);
  const std::optional<std::string> whole = decoded(charset, bytes);
  if (whole && !simdjson::validate_utf8(whole->data(), whole->size())) std::abort();

  CharsetDecoder decoder(charset);
  std::vector<char> out(CharsetDecoder::kLeastRoom);
  std::string text, waiting;
  bool good = true;
  for (size_t at = 0; good && at < bytes.size(); at += step) {
    waiting += bytes.substr(at, step);
    for (bool more = true; more && good;) {
      const CharsetDecoder::Step done = decoder.decode(waiting, out);
      text.append(out.data(), done.written);
      waiting.erase(0, done.read);
      more = done.state == CharsetDecoder::State::full;
      good = done.state != CharsetDecoder::State::malformed;
    }
  }
  text.append(out.data(), decoder.finish(out));
  if (good && waiting.empty() && whole != text) std::abort();
  if (whole && (!good || !waiting.empty())) std::abort();

  if (data[1] % 32 != 0) return 0;  // guessing opens every encoding: a hundred times slower than the rest
  const std::string likely = likely_charset(bytes);
  if (!likely.empty()) find_charset(likely);
  charset_advice(bytes, charset);
  return 0;
}
