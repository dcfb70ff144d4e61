# The Debian package: `tools/package`, or cpack in the build folder.
if(STRATA_SANITIZE OR CMAKE_CROSSCOMPILING OR NOT TARGET strata)
  return()
endif()
set(CMAKE_INSTALL_PREFIX /usr)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)   # the program alone is needed, not the tests
set(deploy ${CMAKE_SOURCE_DIR}/deploy)
install(TARGETS strata RUNTIME DESTINATION bin)
install(FILES ${deploy}/strata.service DESTINATION /lib/systemd/system)
install(FILES ${deploy}/strata.toml DESTINATION /etc/strata PERMISSIONS OWNER_READ OWNER_WRITE
                                                                        GROUP_READ)
install(FILES ${CMAKE_SOURCE_DIR}/docs/serving.md ${CMAKE_SOURCE_DIR}/docs/tools.md
              ${CMAKE_SOURCE_DIR}/docs/structured-outputs.md ${CMAKE_SOURCE_DIR}/docs/models.md
              ${CMAKE_SOURCE_DIR}/docs/guide/deploy.md
        DESTINATION share/doc/strata)
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION share/doc/strata RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME strata)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "server of large language models on CPUs")
set(CPACK_PACKAGE_DESCRIPTION
    "strata serves language models over the OpenAI, Anthropic and Ollama APIs, from GGUF and\n\
safetensors files, with kernels for the CPUs of today.")
set(CPACK_PACKAGE_CONTACT "strata <strata@localhost>")
set(CPACK_PACKAGE_VENDOR strata)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON)   # /etc and /lib are no parts of the prefix
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${deploy}/debian/postinst ${deploy}/debian/prerm
                                       ${deploy}/debian/postrm ${deploy}/debian/conffiles)
include(CPack)
