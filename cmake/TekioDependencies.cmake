# Every library that Tekio uses, found once. Debian 12 package names stand beside each.
find_package(Threads REQUIRED)
find_package(fmt 9 REQUIRED)               # libfmt-dev
find_package(nlohmann_json 3.11 REQUIRED)  # nlohmann-json3-dev
find_package(simdjson 3 REQUIRED)          # libsimdjson-dev
find_package(dnnl 2.6 REQUIRED)            # libdnnl-dev
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(hwy 1.0 REQUIRED)             # libhwy-dev
find_package(ZLIB REQUIRED)                # zlib1g-dev
find_package(tomlplusplus 3.3 REQUIRED)    # libtomlplusplus-dev
find_package(PkgConfig REQUIRED)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)    # libzstd-dev
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)  # libxxhash-dev

# CUDA, for the back end on NVIDIA GPUs. A build with it needs nothing of it at run time where there is no GPU: the runtime
# is linked in, and cuBLASLt is loaded when the first product wants it. The CUDA 13 toolkit; Debian 12 has none of that age.
set(TEKIO_CUDA AUTO CACHE STRING "Build the CUDA back end: AUTO (where the toolkit, 13 or later, is found), ON, OFF")
set(TEKIO_WITH_CUDA NO)
if(NOT TEKIO_CUDA STREQUAL "OFF")
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90)  # Hopper's machine code, and its PTX for what comes after
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  find_package(CUDAToolkit 13 QUIET)
  if(CMAKE_CUDA_COMPILER AND CUDAToolkit_FOUND)
    enable_language(CUDA)
    set(TEKIO_WITH_CUDA YES)
  elseif(TEKIO_CUDA STREQUAL "ON")
    message(FATAL_ERROR "TEKIO_CUDA is ON, but the CUDA toolkit, 13 or later, was not found (nvcc on the PATH, or -DCMAKE_CUDA_COMPILER=…)")
  endif()
endif()
