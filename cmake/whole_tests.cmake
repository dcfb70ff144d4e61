# Tests of the whole: the house rules, and the program from outside (tests/e2e, one test a file).
if(NOT STRATA_SANITIZE)
  add_test(NAME ${STRATA_TEST_PREFIX}tidy COMMAND ${CMAKE_SOURCE_DIR}/tools/tidy)
endif()

# The pages in a browser (web/tests).
if(TARGET strata AND NOT STRATA_SANITIZE)
  set(test ${STRATA_TEST_PREFIX}pages)
  add_test(NAME ${test} COMMAND npm --prefix ${CMAKE_SOURCE_DIR}/web test)
  set(environment STRATA_SOURCE=${CMAKE_SOURCE_DIR} STRATA_BINARY=$<TARGET_FILE:strata>)
  set_tests_properties(${test} PROPERTIES TIMEOUT 600 ENVIRONMENT "${environment}")
endif()

file(GLOB e2e CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/e2e/test_*.py)
if(TARGET strata)
  foreach(file ${e2e})
    cmake_path(GET file STEM name)
    string(REGEX REPLACE "^test_" "" name ${name})
    set(test ${STRATA_TEST_PREFIX}e2e.${name})
    add_test(NAME ${test} COMMAND ${CMAKE_CROSSCOMPILING_EMULATOR}
             ${CMAKE_SOURCE_DIR}/build/venv/bin/python -m pytest -q -p no:cacheprovider ${file})
    set(environment STRATA_SOURCE=${CMAKE_SOURCE_DIR} STRATA_BINARY=$<TARGET_FILE:strata>
                    STRATA_TEST_SHORT=${STRATA_TEST_SHORT})
    set_tests_properties(${test} PROPERTIES TIMEOUT 900 ENVIRONMENT "${environment}")
  endforeach()
endif()
