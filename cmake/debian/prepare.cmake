# Run by CPack between installing into its own folder and packing that: what Debian's policy asks of a package's files.
set(usr ${CPACK_TEMPORARY_DIRECTORY}/usr)
set(doc ${usr}/share/doc/tekio)
file(RENAME ${doc}/CHANGELOG.md ${doc}/changelog)
file(REMOVE ${doc}/LICENSE)  # /usr/share/common-licenses has it
file(GLOB pages ${usr}/share/man/man1/*.1)
execute_process(COMMAND gzip -9n ${doc}/changelog ${pages} COMMAND_ERROR_IS_FATAL ANY)
file(COPY_FILE ${CPACK_TEKIO_SOURCE}/cmake/debian/copyright ${doc}/copyright)
if(EXISTS ${usr}/lib/tekio/libtekio_arrow.so)
  file(GLOB libraries ${usr}/lib/tekio/lib*.so*)
  execute_process(COMMAND strip --strip-unneeded --remove-section=.comment --remove-section=.note ${libraries} COMMAND_ERROR_IS_FATAL ANY)
  file(MAKE_DIRECTORY ${usr}/share/lintian/overrides)
  file(COPY_FILE ${CPACK_TEKIO_SOURCE}/cmake/debian/lintian-overrides ${usr}/share/lintian/overrides/tekio)
endif()
