# Installs a finished build into an empty prefix, builds consumer/ against it, and runs that; the installed program finds
# its share beside itself, and nothing that is installed knows where it was built. Any step may fail the test.
file(REMOVE_RECURSE ${WORK})
foreach(step IN ITEMS
    "${CMAKE_COMMAND};--install;${BUILD};--prefix;${WORK}/prefix"
    "${CMAKE_COMMAND};-S;${SOURCE};-B;${WORK}/build;-G;Ninja;-DCMAKE_BUILD_TYPE=Release;-DCMAKE_CXX_COMPILER=${COMPILER};-DCMAKE_PREFIX_PATH=${WORK}/prefix"
    "${CMAKE_COMMAND};--build;${WORK}/build"
    "${WORK}/build/consumer;${MODEL}"
    "${WORK}/prefix/bin/tekio;--version"
    "${CMAKE_COMMAND};-E;env;--unset=TEKIO_SHARE;${WORK}/prefix/bin/tekio;info")
  list(JOIN step " " shown)
  message(STATUS "${shown}")
  execute_process(COMMAND ${step} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
if(NOT EXISTS "${WORK}/prefix/share/tekio/reference/step.py")
  message(FATAL_ERROR "the scripts of bench --compare_reference are not installed")
endif()

file(GLOB modules RELATIVE ${BUILD}/lib/tekio ${BUILD}/lib/tekio/libtekio_*.so)
foreach(module IN LISTS modules)
  if(NOT EXISTS "${WORK}/prefix/lib/tekio/${module}")
    message(FATAL_ERROR "the module ${module} was built and is not installed")
  endif()
endforeach()

# Two processes of each launcher that is there meet by the installed module.
foreach(mpi openmpi mpich)
  find_program(launcher_of_${mpi} mpirun.${mpi})
  if(launcher_of_${mpi} AND EXISTS ${BUILD}/lib/tekio/libtekio_mpi_${mpi}.so)
    set(many "")
    if(mpi STREQUAL "openmpi")
      set(many --oversubscribe)
    endif()
    execute_process(COMMAND ${CMAKE_COMMAND} -E env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
                            ${launcher_of_${mpi}} ${many} -n 2 ${WORK}/prefix/bin/tekio bench allreduce --bytes 40000 --check --json
                    COMMAND_ERROR_IS_FATAL ANY OUTPUT_VARIABLE said)
    if(NOT said MATCHES "\"world_size\": ?2")
      message(FATAL_ERROR "two processes of ${mpi} did not meet: ${said}")
    endif()
  endif()
endforeach()

file(GLOB_RECURSE installed ${WORK}/prefix/*)
foreach(file IN LISTS installed)
  file(STRINGS ${file} texts)
  string(FIND "${texts}" "${ROOT}" at)
  if(NOT at EQUAL -1)
    message(FATAL_ERROR "${file} holds the path of the source tree, ${ROOT}")
  endif()
endforeach()
