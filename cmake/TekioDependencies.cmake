# Every library that Tekio uses, found once. Debian 12 package names stand beside each.
find_package(Threads REQUIRED)
find_package(fmt 9 REQUIRED)               # libfmt-dev
find_package(nlohmann_json 3.11 REQUIRED)  # nlohmann-json3-dev
find_package(simdjson 3 REQUIRED)          # libsimdjson-dev
find_package(dnnl 2.6 REQUIRED)            # libdnnl-dev
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(hwy 1.0 REQUIRED)             # libhwy-dev
find_package(ZLIB REQUIRED)                # zlib1g-dev
if(TEKIO_PROGRAM)
  find_package(tomlplusplus 3.3 REQUIRED)  # libtomlplusplus-dev
endif()
find_package(PkgConfig REQUIRED)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)    # libzstd-dev
find_package(CURL 7.85 REQUIRED)    # libcurl4-openssl-dev: its headers; it is loaded when something is fetched
find_package(OpenSSL 3 REQUIRED)    # libssl-dev: the same
find_package(BZip2 REQUIRED)                                # libbz2-dev: its header; it is loaded where a file is packed by it
find_package(LibLZMA REQUIRED)                              # liblzma-dev: the same
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)  # libxxhash-dev
pkg_check_modules(yaml REQUIRED yaml-0.1)                   # libyaml-dev: its header; it is loaded where a dataset's README.md is read
find_path(mecab_INCLUDE_DIR mecab.h REQUIRED)               # libmecab-dev: its header; it is loaded where a tokenizer cuts Japanese into words
pkg_check_modules(oniguruma REQUIRED oniguruma)             # libonig-dev: its header; it is loaded where a tokenizer has regular expressions

# CUDA, for the back end on NVIDIA GPUs. A build with it needs nothing of it at run time where no GPU is asked for: the runtime
# is linked in, and cuBLASLt is loaded when a GPU was found. The CUDA 13 toolkit; Debian 12 has none of that age.
set(TEKIO_CUDA AUTO CACHE STRING "Build the CUDA back end: AUTO (where the toolkit, 13 or later, is found), ON, OFF")
set(TEKIO_WITH_CUDA NO)
if(TEKIO_CUDA STREQUAL "AUTO" OR TEKIO_CUDA)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90)  # Hopper's machine code, and its PTX for what comes after
  endif()
  if(CMAKE_CUDA_COMPILER)
    cmake_path(GET CMAKE_CUDA_COMPILER PARENT_PATH CUDAToolkit_ROOT)  # the toolkit of the compiler that was given
    cmake_path(GET CUDAToolkit_ROOT PARENT_PATH CUDAToolkit_ROOT)
  else()
    unset(CMAKE_CUDA_COMPILER CACHE)  # what an earlier run did not find
  endif()
  find_package(CUDAToolkit QUIET)
  if(CUDAToolkit_FOUND AND CUDAToolkit_VERSION VERSION_GREATER_EQUAL 13)
    if(NOT CMAKE_CUDA_COMPILER)
      set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})  # also where the PATH does not know it
    endif()
    enable_language(CUDA)
    set(TEKIO_WITH_CUDA YES)
  elseif(NOT TEKIO_CUDA STREQUAL "AUTO")
    message(FATAL_ERROR "TEKIO_CUDA is ${TEKIO_CUDA}, but the CUDA toolkit, 13 or later, was not found (an older one: "
                        "'${CUDAToolkit_VERSION}'): put nvcc on the PATH or pass -DCMAKE_CUDA_COMPILER=…")
  endif()
endif()
