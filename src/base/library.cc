#include "base/library.h"

#include <dlfcn.h>

#include "base/error.h"

namespace tekio {

Library::Library(const char* file, const char* package, const char* loss)
    : file_(file), package_(package), loss_(loss), handle_(dlopen(file, RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ == nullptr)
    fail(ErrorKind::io, "{} cannot be loaded ({}), and without it {}: install {}", file, printable(dlerror(), 300),
         loss, package);
}

void* Library::symbol(const char* name) const {
  void* const found = dlsym(handle_, name);
  if (found == nullptr)
    fail(ErrorKind::io, "{} has no {}, and without it {}: install a newer {}", file_, name, loss_, package_);
  return found;
}

}  // namespace tekio
