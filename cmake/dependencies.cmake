# Libraries by layer: each layer links the interface target named after it.
find_package(Threads REQUIRED)
add_library(strata_dep_base INTERFACE)
target_link_libraries(strata_dep_base INTERFACE Threads::Threads)

if(STRATA_ONLY_KERNEL)
  # A cross-compiler finds the host's headers, but not its libraries: header-only variants, the test
  # framework from source, and none of the parts that need a library.
  target_compile_definitions(strata_dep_base INTERFACE FMT_HEADER_ONLY SPDLOG_FMT_EXTERNAL)
  set(STRATA_BASE_EXCLUDE "/(machine_hwloc|metric|metric_test)\\.cc$")
  if(STRATA_TESTS)
    find_file(GTEST_SOURCE googletest PATHS /usr/src NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH
              REQUIRED)
    set(BUILD_GMOCK OFF)
    set(INSTALL_GTEST OFF)
    add_subdirectory(${GTEST_SOURCE} ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
    target_compile_options(gtest PRIVATE -w)
  endif()
  return()
endif()

find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n data)
find_package(OpenSSL REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(hwloc REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(libedit REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(simdjson REQUIRED IMPORTED_TARGET simdjson)
if(STRATA_TESTS)
  find_package(GTest REQUIRED)
endif()

target_link_libraries(strata_dep_base INTERFACE fmt::fmt spdlog::spdlog prometheus-cpp::core
                      PkgConfig::hwloc)
target_compile_definitions(strata_dep_base INTERFACE STRATA_HWLOC=1)

add_library(strata_dep_net INTERFACE)
target_link_libraries(strata_dep_net INTERFACE OpenSSL::SSL OpenSSL::Crypto)

add_library(strata_dep_store INTERFACE)
target_link_libraries(strata_dep_store INTERFACE PkgConfig::sqlite3)

include(cmake/rust.cmake)
add_library(strata_dep_model INTERFACE)
target_link_libraries(strata_dep_model INTERFACE strata_rust ${CMAKE_DL_LIBS}
                      nlohmann_json::nlohmann_json PkgConfig::pcre2 PkgConfig::simdjson
                      ICU::uc ICU::i18n ICU::data)

add_library(strata_dep_main INTERFACE)
target_link_libraries(strata_dep_main INTERFACE CLI11::CLI11 PkgConfig::libedit
                      PkgConfig::tomlplusplus)
target_compile_definitions(strata_dep_main INTERFACE STRATA_LIBEDIT=1)
