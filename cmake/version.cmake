# strata_version(TARGET): version_data.h in the build folder, renewed when HEAD moves.
function(strata_version target)
  set(header ${CMAKE_BINARY_DIR}/generated/version_data.h)
  execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --path-format=absolute
                          --git-path logs/HEAD
                  OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT EXISTS "${head}")
    set(head)
  endif()
  add_custom_command(OUTPUT ${header} DEPENDS ${head} ${CMAKE_SOURCE_DIR}/cmake/commit.cmake
    COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DVERSION=${PROJECT_VERSION}
            -DOUT=${header} -P ${CMAKE_SOURCE_DIR}/cmake/commit.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${header})
  target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR})
endfunction()
