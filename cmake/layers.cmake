# One OBJECT library a folder of src (a static library would drop self-registrations), one test
# program a folder. A layer sees itself and the layers declared before it.
include(GoogleTest)
enable_testing()
set(STRATA_LAYERS "" CACHE INTERNAL "")
set(STRATA_TEST_TIMEOUT 600)   # seconds, one test

# strata_layer(NAME [LIBS libraries] [EXCLUDE regex of source files left out])
function(strata_layer name)
  cmake_parse_arguments(A "" "EXCLUDE" "LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  if(A_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${A_EXCLUDE}")
  endif()
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  if(NOT sources)
    return()
  endif()
  add_library(strata_${name} OBJECT ${sources})
  target_compile_options(strata_${name} PRIVATE ${STRATA_WARNINGS})
  strata_optimise_layer(strata_${name} ${name})
  if(STRATA_SANITIZE MATCHES address AND name STREQUAL kernel)
    # Products are unrolled for every instruction set: with all checks a file compiles for minutes.
    set(products ${sources})
    list(FILTER products INCLUDE REGEX "/matmul_[a-z_]*\\.cc$")
    set_source_files_properties(${products} PROPERTIES
                                COMPILE_OPTIONS "-O1;-fno-sanitize=undefined")
  endif()
  target_include_directories(strata_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(strata_${name} PUBLIC ${A_LIBS})
  foreach(lower ${STRATA_LAYERS})
    target_link_libraries(strata_${name} PUBLIC strata_${lower})
  endforeach()
  set(layers ${STRATA_LAYERS} ${name})
  set(STRATA_LAYERS "${layers}" CACHE INTERNAL "")
  if(STRATA_TESTS AND tests)
    strata_test_program(${name} "${tests}" "${layers}")
  endif()
endfunction()

set(STRATA_TEST_SHORT 0)
if(STRATA_SANITIZE OR CMAKE_CROSSCOMPILING)
  set(STRATA_TEST_SHORT 1)
endif()

# STRATA_TEST_SHORT is 1 where the build is slow (sanitizers, emulation): loops go fewer rounds.
function(strata_test_program name tests layers)
  set(program strata_test_${name})
  add_executable(${program} ${tests})
  # What is under test is optimised; the tests themselves compile in two thirds of the time.
  target_compile_options(${program} PRIVATE ${STRATA_WARNINGS} $<$<CONFIG:Release>:-O1>)
  strata_link_layers(${program} ${layers})
  target_link_libraries(${program} PRIVATE GTest::gtest GTest::gtest_main)
  target_compile_definitions(${program} PRIVATE
    STRATA_TEST_SHORT=${STRATA_TEST_SHORT})
  gtest_discover_tests(${program} TEST_PREFIX "${STRATA_TEST_PREFIX}${name}."
                       WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}   # listing reads tests/golden
                       DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT ${STRATA_TEST_TIMEOUT}
                                  ENVIRONMENT "STRATA_SOURCE=${CMAKE_SOURCE_DIR}")
endfunction()

# Object libraries pass on their objects only to what links them directly.
function(strata_link_layers target)
  foreach(layer ${ARGN})
    target_link_libraries(${target} PRIVATE strata_${layer})
  endforeach()
endfunction()

function(strata_program)
  if(NOT EXISTS ${CMAKE_SOURCE_DIR}/src/main/main.cc)
    return()
  endif()
  add_executable(strata src/main/main.cc)
  target_compile_options(strata PRIVATE ${STRATA_WARNINGS})
  strata_optimise_program(strata)
  strata_link_layers(strata ${STRATA_LAYERS})
  # The second name chooses the compatible command line.
  add_custom_command(TARGET strata POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E create_symlink strata $<TARGET_FILE_DIR:strata>/server)
endfunction()
