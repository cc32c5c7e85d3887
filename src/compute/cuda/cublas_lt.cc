#include "compute/cuda/cublas_lt.h"

#include <dlfcn.h>

#include <string>

#include "base/error.h"

namespace tekio::cuda {
namespace {

const std::string kLibrary = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);

void* open_library() {
  void* library = dlopen(kLibrary.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)  // where the toolkit puts it, which the loader need not know
    library = dlopen(("/usr/local/cuda/lib64/" + kLibrary).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    fail(ErrorKind::device,
         "{} cannot be loaded ({}); it comes with the CUDA {} toolkit: install that, name its folder in "
         "LD_LIBRARY_PATH, or "
         "pass --device cpu",
         kLibrary, printable(dlerror(), 300), CUBLAS_VER_MAJOR);
  return library;
}

template <typename Function>
void find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  if (function == nullptr)
    fail(ErrorKind::device, "{} has no {}; expected that of CUDA {}: install it, or pass --device cpu", kLibrary, name,
         CUBLAS_VER_MAJOR);
}

CublasLt load() {
  void* const library = open_library();
  CublasLt f{};
  find(library, "cublasLtCreate", f.create);
  find(library, "cublasLtDestroy", f.destroy);
  find(library, "cublasLtGetStatusString", f.status_text);
  find(library, "cublasLtMatmulDescCreate", f.product_create);
  find(library, "cublasLtMatmulDescDestroy", f.product_destroy);
  find(library, "cublasLtMatmulDescSetAttribute", f.product_set);
  find(library, "cublasLtMatrixLayoutCreate", f.layout_create);
  find(library, "cublasLtMatrixLayoutDestroy", f.layout_destroy);
  find(library, "cublasLtMatmulPreferenceCreate", f.preference_create);
  find(library, "cublasLtMatmulPreferenceDestroy", f.preference_destroy);
  find(library, "cublasLtMatmulPreferenceSetAttribute", f.preference_set);
  find(library, "cublasLtMatmulAlgoGetHeuristic", f.heuristic);
  find(library, "cublasLtMatmul", f.multiply);
  return f;
}

}  // namespace

const CublasLt& cublas_lt() {
  static const CublasLt functions = load();
  return functions;
}

}  // namespace tekio::cuda
