# cpp-httplib, for the module by which `tekio serve` speaks HTTP: TEKIO_WITH_HTTP.
set(TEKIO_HTTP AUTO CACHE STRING "Build the module that serves models by HTTP: AUTO (where cpp-httplib is found), ON, OFF")
set(TEKIO_WITH_HTTP NO)
if(NOT TEKIO_HTTP STREQUAL "AUTO" AND NOT TEKIO_HTTP)
  return()
endif()
pkg_check_modules(httplib QUIET IMPORTED_TARGET cpp-httplib)  # libcpp-httplib-dev
if(httplib_FOUND)
  set(TEKIO_WITH_HTTP YES)
elseif(NOT TEKIO_HTTP STREQUAL "AUTO")
  message(FATAL_ERROR "TEKIO_HTTP is ${TEKIO_HTTP}, but pkg-config does not know cpp-httplib (libcpp-httplib-dev): "
                      "sh scripts/setup.sh brings it")
endif()
