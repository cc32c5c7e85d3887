// Shared libraries that are loaded when they are first needed: who fills a mask from a folder pays nothing for what
// speaks to the network or for regular expressions, and nothing that such a library is called (regexec, say) stands in
// the way of the C library's.
#pragma once

#include <string>
#include <utility>

namespace tekio {

/// Where a module of this program's own is, a shared library that is installed in lib/tekio, as Library takes it: what
/// the environment variable `variable` names, else the file where it was built or installed with this program, else its
/// name alone, which the loader looks for.
std::string find_own_module(const std::string& file, const char* variable);

class Library {
 public:
  /// `file`: as the loader knows it ("libcurl.so.4"); `loss`: what is not to be had without it. Errors: io (it cannot
  /// be loaded; names `package`).
  Library(const char* file, const char* package, const char* loss);

  /// A table of its functions and variables: pairs of a name and the member that is to point there,
  /// {"EVP_sha256", &Crypto::sha256}. Errors: io (the library has none of this name).
  template <typename Table, typename... Symbols>
  Table table(std::pair<const char*, Symbols * Table::*>... members) const {
    Table made{};
    ((made.*members.second = reinterpret_cast<Symbols*>(symbol(members.first))), ...);
    return made;
  }

 private:
  void* symbol(const char* name) const;

  const char* file_;
  const char* package_;
  const char* loss_;
  void* handle_;  // never closed: others of the process may use it by then
};

}  // namespace tekio
