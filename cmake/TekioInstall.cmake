# make install: the library with its headers, the program, what both need at run time, and the package that
# find_package(tekio) finds. tests/package/ builds a program against the result.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tekio)

install(TARGETS tekio EXPORT tekio-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(TARGET tekio_program)
  install(TARGETS tekio_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(TARGET tekio_pages)
  install(DIRECTORY ${CMAKE_BINARY_DIR}/pages/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${CMAKE_BINARY_DIR}/pages/bash-completion/tekio DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${CMAKE_BINARY_DIR}/pages/fish/tekio.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  # Where zsh looks depends on whether a package or an administrator installs: known only then.
  install(CODE "set(zsh_completion ${CMAKE_BINARY_DIR}/pages/zsh/_tekio)
set(zsh_data ${CMAKE_INSTALL_DATADIR}/zsh)")
  install(CODE [[
    if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
      set(zsh_folder vendor-completions)
    else()
      set(zsh_folder site-functions)
    endif()
    file(INSTALL ${zsh_completion} DESTINATION ${CMAKE_INSTALL_PREFIX}/${zsh_data}/${zsh_folder})]])
endif()
if(TARGET tekio_arrow)
  # In lib/, whatever libraries' folder is: the program finds it from where it lies itself. A wheel's libraries lie in
  # somebody's cache, so they are copied beside the module.
  install(TARGETS tekio_arrow LIBRARY DESTINATION lib/tekio)
  if(tekio_arrow_libraries)
    set_target_properties(tekio_arrow PROPERTIES INSTALL_RPATH "$ORIGIN")
    install(FILES ${tekio_arrow_libraries} DESTINATION lib/tekio)
    install(FILES ${tekio_arrow_licences} DESTINATION ${CMAKE_INSTALL_DOCDIR}/arrow OPTIONAL)
  endif()
endif()
if(TARGET tekio_http)
  install(TARGETS tekio_http LIBRARY DESTINATION lib/tekio)
  install(FILES packaging/tekio-serve.service DESTINATION lib/systemd/system)
endif()
foreach(mpi IN LISTS TEKIO_MPIS)
  set_target_properties(tekio_mpi_${mpi} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)  # an MPI of the cluster's own
  install(TARGETS tekio_mpi_${mpi} LIBRARY DESTINATION lib/tekio)
endforeach()
install(DIRECTORY include/tekio TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(DIRECTORY share/tekio TYPE DATA PATTERN __pycache__ EXCLUDE)
install(FILES LICENSE README.md CHANGELOG.md TYPE DOC)

install(EXPORT tekio-targets NAMESPACE tekio:: DESTINATION ${package_dir})
configure_package_config_file(cmake/tekio-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/tekio-config.cmake
                              INSTALL_DESTINATION ${package_dir})
# 0.x: an interface may change from one minor version to the next.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/tekio-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tekio-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/tekio-config-version.cmake
        DESTINATION ${package_dir})
