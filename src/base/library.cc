#include "base/library.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/environment.h"
#include "base/error.h"
#include "base/file.h"

namespace tekio {
namespace {

/// The file that this code is in: the program, or a shared library that others have loaded (Python's extension).
fs::path own_binary() {
  Dl_info here{};
  std::error_code error;
  if (::dladdr(reinterpret_cast<const void*>(&own_binary), &here) != 0 && here.dli_fname != nullptr &&
      fs::path(here.dli_fname).filename().string().find(".so") != std::string::npos)
    return fs::absolute(here.dli_fname, error);
  return fs::read_symlink("/proc/self/exe", error);
}

/// Whether whoever could write the file could have written the program as well: beside a program in a folder of many
/// there may be anybody's files.
bool is_trusted(const fs::path& file, const fs::path& program) {
  struct stat module_state {
  }, program_state{};
  if (::stat(file.c_str(), &module_state) != 0 || ::stat(program.c_str(), &program_state) != 0) return false;
  return module_state.st_uid == 0 || module_state.st_uid == ::geteuid() || module_state.st_uid == program_state.st_uid;
}

}  // namespace

std::string find_own_module(const std::string& file, const char* variable) {
  if (std::string set = environment(variable); !set.empty()) return set;
  const fs::path program = own_binary();
  if (program.empty()) return file;
  const fs::path folder = program.parent_path();
  for (const fs::path& prefix : {folder, folder.parent_path()})
    if (const fs::path place = prefix / "lib" / "tekio" / file; is_trusted(place, program)) return place.string();
  return file;
}

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
