# Run by CPack between installing into its own folder and packing that: what Debian's policy asks of a package's files.
set(usr ${CPACK_TEMPORARY_DIRECTORY}/usr)
set(doc ${usr}/share/doc/tekio)
file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
file(REMOVE ${doc}/LICENSE)  # /usr/share/common-licenses has it
file(GLOB pages ${usr}/share/man/man1/*.1)
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog.Debian "tekio (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
     "  * Made by make deb; what is new stands in changelog.gz.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${now}\n")
execute_process(COMMAND gzip -9n ${doc}/changelog ${doc}/changelog.Debian ${pages} COMMAND_ERROR_IS_FATAL ANY)
file(COPY_FILE ${CPACK_TEKIO_SOURCE}/cmake/debian/copyright ${doc}/copyright)
if(EXISTS ${usr}/lib/tekio/libtekio_arrow.so)
  file(GLOB libraries ${usr}/lib/tekio/lib*.so*)
  execute_process(COMMAND strip --strip-unneeded --remove-section=.comment --remove-section=.note ${libraries} COMMAND_ERROR_IS_FATAL ANY)
  file(MAKE_DIRECTORY ${usr}/share/lintian/overrides)
  file(COPY_FILE ${CPACK_TEKIO_SOURCE}/cmake/debian/lintian-overrides ${usr}/share/lintian/overrides/tekio)
endif()

# Depends: what the program and the libraries are linked with. Suggests: what the modules for many processes are, of which one is
# loaded where its MPI's launcher started the program. Arrow's libraries lie in the package.
file(GLOB modules ${usr}/lib/tekio/libtekio_mpi_*.so)
file(GLOB libraries ${usr}/lib/tekio/lib*.so)
list(REMOVE_ITEM libraries ${modules})
foreach(module IN LISTS modules)
  file(RPATH_REMOVE FILE ${module})  # a cluster's own MPI is found by it, Debian's without
endforeach()
set(files ${usr}/bin/tekio ${libraries})
if(modules)
  list(APPEND files -dSuggests ${modules})
endif()
set(scratch ${CPACK_TEMPORARY_DIRECTORY}/../shlibdeps)
file(WRITE ${scratch}/debian/control "Source: tekio\nPackage: tekio\nArchitecture: any\n")  # which dpkg-shlibdeps wants to see
execute_process(COMMAND dpkg-shlibdeps --ignore-missing-info -O -l${usr}/lib/tekio ${files} WORKING_DIRECTORY ${scratch} OUTPUT_VARIABLE found COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE ${scratch})
string(REGEX MATCH "shlibs:Depends=([^\n]*)" line "${found}")
set(CPACK_DEBIAN_PACKAGE_DEPENDS ${CMAKE_MATCH_1})
if(found MATCHES "shlibs:Suggests=([^\n]*)")
  string(APPEND CPACK_DEBIAN_PACKAGE_SUGGESTS ", ${CMAKE_MATCH_1}")
endif()
