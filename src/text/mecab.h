// MeCab, which finds the words of Japanese text by a dictionary. Its library is loaded when a tokenizer first asks for
// it. A dictionary is open once for all threads; what a search fills belongs to one thread at a time and is kept for
// the next. MeCab believes its dictionaries: they are as trusted as a library is, never part of a model's folder.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tekio {

class Mecab {
 public:
  /// Bytes [begin, end) of a text.
  struct Word {
    size_t begin, end;
  };

  /// `arguments`: what MeCab's command line would have, without its name ("-d", "/var/lib/mecab/dic/ipadic-utf8").
  /// Errors: input (no such dictionary, or one that is not in UTF-8; `where` stands in the message), io (no libmecab).
  Mecab(const std::vector<std::string>& arguments, const std::string& where);
  ~Mecab();
  Mecab(const Mecab&) = delete;
  Mecab& operator=(const Mecab&) = delete;

  /// Replaces `words` by those of valid UTF-8, in order; white space that MeCab takes for nothing else lies between
  /// them. As for the reference, a text ends where its first NUL is. May be called from several threads at once.
  /// Errors: input (a text that MeCab cannot take).
  void find(std::string_view text, std::vector<Word>& words) const;

  /// 128 bits over the dictionary's files, as hex.
  const std::string& digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tekio
