# Open MPI and MPICH, for the modules that join the processes of a launcher: TEKIO_MPIS lists those that were found, as
# pkg-config knows them. Both may be there; which one is used is the launcher's to say.
set(TEKIO_MPI AUTO CACHE STRING "Build the modules for many processes: AUTO (for each MPI that is found), ON, OFF")
set(TEKIO_MPIS "")
if(NOT TEKIO_MPI STREQUAL "AUTO" AND NOT TEKIO_MPI)
  return()
endif()
pkg_check_modules(openmpi QUIET IMPORTED_TARGET ompi-c)  # libopenmpi-dev
pkg_check_modules(mpich QUIET IMPORTED_TARGET mpich)     # libmpich-dev
foreach(mpi openmpi mpich)
  if(${mpi}_FOUND)
    list(APPEND TEKIO_MPIS ${mpi})
  endif()
endforeach()
if(NOT TEKIO_MPIS AND NOT TEKIO_MPI STREQUAL "AUTO")
  message(FATAL_ERROR "TEKIO_MPI is ${TEKIO_MPI}, but pkg-config knows neither ompi-c (Open MPI: libopenmpi-dev) nor mpich "
                      "(libmpich-dev): install one, or set PKG_CONFIG_PATH to its lib/pkgconfig")
endif()
