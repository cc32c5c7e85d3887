// MeCab's dictionary that tests of Japanese need; they are skipped without it.
#pragma once

#include <filesystem>

namespace tekio::test {

constexpr const char* kNoJapaneseDictionary = "Debian's package mecab-ipadic-utf8 is not installed";

/// Whether Debian's ipadic is there, by which golden files were made.
inline bool has_japanese_dictionary() { return std::filesystem::exists("/var/lib/mecab/dic/ipadic-utf8/sys.dic"); }

}  // namespace tekio::test
