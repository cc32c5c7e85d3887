#include "hub/library.h"

#include <dlfcn.h>

#include "base/error.h"

namespace tekio::hub {

Library::Library(const char* file, const char* package)
    : file_(file), package_(package), handle_(dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr)
    fail(ErrorKind::io, "{} cannot be loaded ({}), and nothing can be fetched without it: install {}", file,
         printable(dlerror(), 300), package);
}

void* Library::symbol(const char* name) const {
  void* const found = dlsym(handle_, name);
  if (found == nullptr)
    fail(ErrorKind::io, "{} has no {}, and nothing can be fetched without it: install a newer {}", file_, name,
         package_);
  return found;
}

}  // namespace tekio::hub
