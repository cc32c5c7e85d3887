# Arrow C++ and Parquet, for the module that reads .parquet and .arrow files: TEKIO_WITH_PARQUET, and the target
# tekio_arrow_cpp to link with. The system's, where it has them (24 or later); else those in the Python wheel pyarrow, which
# scripts/setup.sh puts into the cache folder: headers, libarrow and libparquet. Debian 12 has no package of them.
set(TEKIO_PARQUET AUTO CACHE STRING "Build the module that reads Parquet and Arrow files: AUTO (where Arrow C++ is found), ON, OFF")
set(TEKIO_PYARROW_DIR "" CACHE PATH "The folder `pyarrow` of a wheel to take Arrow C++ from; empty: where scripts/setup.sh puts it")
set(TEKIO_WITH_PARQUET NO)
set(tekio_arrow_libraries "")  # what make install copies beside the module
if(NOT TEKIO_PARQUET STREQUAL "AUTO" AND NOT TEKIO_PARQUET)
  return()
endif()

set(wheel_version 26.0.1)  # scripts/setup.sh has the same

find_package(Arrow CONFIG QUIET)
find_package(Parquet CONFIG QUIET)
if(TARGET Arrow::arrow_shared AND TARGET Parquet::parquet_shared AND Arrow_VERSION VERSION_GREATER_EQUAL 24)
  add_library(tekio_arrow_cpp INTERFACE)
  target_link_libraries(tekio_arrow_cpp INTERFACE Parquet::parquet_shared Arrow::arrow_shared)
  set(TEKIO_WITH_PARQUET YES)
  set(tekio_arrow_shown "Arrow C++ ${Arrow_VERSION}")
  return()
endif()

set(wheel ${TEKIO_PYARROW_DIR})
if(NOT wheel)
  set(cache $ENV{XDG_CACHE_HOME})
  if(NOT cache)
    set(cache $ENV{HOME}/.cache)
  endif()
  set(wheel ${cache}/tekio/arrow-${wheel_version}/pyarrow)
endif()
# Looked for again by each build: the set-up may bring it later, once there is a network.
file(GLOB arrow_library CONFIGURE_DEPENDS ${wheel}/libarrow.so.[0-9]*)
file(GLOB parquet_library CONFIGURE_DEPENDS ${wheel}/libparquet.so.[0-9]*)
if(EXISTS ${wheel}/include/arrow/api.h AND arrow_library AND parquet_library)
  list(GET arrow_library 0 arrow_library)
  list(GET parquet_library 0 parquet_library)
  add_library(tekio_arrow_cpp INTERFACE)
  target_include_directories(tekio_arrow_cpp SYSTEM INTERFACE ${wheel}/include)
  target_link_libraries(tekio_arrow_cpp INTERFACE ${parquet_library} ${arrow_library})
  file(STRINGS ${wheel}/include/arrow/util/config.h version REGEX "define ARROW_VERSION_STRING")
  string(REGEX REPLACE ".*\"(.*)\".*" "\\1" version "${version}")
  set(TEKIO_WITH_PARQUET YES)
  set(tekio_arrow_libraries ${arrow_library} ${parquet_library})
  set(tekio_arrow_licences ${wheel}/LICENSE.txt ${wheel}/NOTICE.txt)
  set(tekio_arrow_shown "Arrow C++ ${version} of the wheel pyarrow")
elseif(NOT TEKIO_PARQUET STREQUAL "AUTO")
  message(FATAL_ERROR "TEKIO_PARQUET is ${TEKIO_PARQUET}, but Arrow C++, 24 or later, was found neither by find_package(Arrow) nor in "
                      "${wheel}: sh scripts/setup.sh brings it, or pass -DTEKIO_PYARROW_DIR=…/site-packages/pyarrow")
endif()
