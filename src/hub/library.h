// Shared libraries that are loaded when they are first needed: who fills a mask from a folder pays nothing for what
// speaks to the network.
#pragma once

#include <string>

namespace tekio::hub {

class Library {
 public:
  /// `file`: as the loader knows it ("libcurl.so.4"). Errors: io (it cannot be loaded; names `package`).
  Library(const char* file, const char* package);

  /// Errors: io (the library has no such function).
  template <typename Function>
  void find(const char* name, Function*& function) const {
    function = reinterpret_cast<Function*>(symbol(name));
  }

 private:
  void* symbol(const char* name) const;

  const char* file_;
  const char* package_;
  void* handle_;  // never closed: others of the process may use it by then
};

}  // namespace tekio::hub
