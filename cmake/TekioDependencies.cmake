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
