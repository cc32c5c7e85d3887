// Shared libraries that are loaded when they are first needed: who fills a mask from a folder pays nothing for what
// speaks to the network or for regular expressions, and nothing that such a library is called (regexec, say) stands in
// the way of the C library's.
#pragma once

#include <string>

namespace tekio {

class Library {
 public:
  /// `file`: as the loader knows it ("libcurl.so.4"); `loss`: what is not to be had without it. Errors: io (it cannot
  /// be loaded; names `package`).
  Library(const char* file, const char* package, const char* loss);

  /// A function or a variable. Errors: io (the library has none of this name).
  template <typename Symbol>
  void find(const char* name, Symbol*& found) const {
    found = reinterpret_cast<Symbol*>(symbol(name));
  }

 private:
  void* symbol(const char* name) const;

  const char* file_;
  const char* package_;
  const char* loss_;
  void* handle_;  // never closed: others of the process may use it by then
};

}  // namespace tekio
