# Language, warnings, sanitizers, ccache. No -march: kernels choose their instructions at run time.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# restrict: gcc 12 sees an overlap in "literal" + std::string (its bug 105651).
set(STRATA_WARNINGS -Wall -Wextra -Werror -Wno-restrict)
if(STRATA_SANITIZE)
  # Instrumented code draws warnings that the plain one does not: the plain builds are the judge.
  list(REMOVE_ITEM STRATA_WARNINGS -Werror)
  list(APPEND STRATA_WARNINGS -Wno-maybe-uninitialized)
  add_compile_options(-fsanitize=${STRATA_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${STRATA_SANITIZE})
endif()

# The thread sanitizer's fixed memory map collides with strong address randomisation.
if(STRATA_SANITIZE MATCHES thread AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  find_program(SETARCH setarch)
  if(SETARCH)
    execute_process(COMMAND ${SETARCH} -R true RESULT_VARIABLE refused OUTPUT_QUIET ERROR_QUIET)
    if(refused EQUAL 0)
      set(CMAKE_CROSSCOMPILING_EMULATOR ${SETARCH} -R)
    endif()
  endif()
endif()
