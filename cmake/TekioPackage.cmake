# make deb: what `make install` installs, as a Debian package. Its copyright and changelog stand where Debian's policy wants them.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tekio)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The authors of Tekio <authors@tekio.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "adapts masked language models to a domain's text")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "One program and library that reads a corpus, tokenizes, masks, trains and
evaluates BERT, DistilBERT, RoBERTa, ELECTRA, ALBERT and ModernBERT models, and
writes folders that Hugging Face transformers opens.")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES YES)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
# Loaded when they are needed, so dpkg does not see them. What is linked, prepare.cmake finds out.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libcurl4, libssl3, libonig5, libyaml-0-2, libbz2-1.0, liblzma5")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libmecab2, mecab-ipadic-utf8")
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/prepare.cmake)
set(CPACK_TEKIO_SOURCE ${PROJECT_SOURCE_DIR})
include(CPack)
