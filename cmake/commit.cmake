# Script: writes OUT, a header with the version and the commit of SOURCE.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit
                OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status ERROR_QUIET)
if(NOT status EQUAL 0)
  set(commit unknown)
endif()
file(WRITE ${OUT} "#define STRATA_VERSION \"${VERSION}\"\n#define STRATA_COMMIT \"${commit}\"\n")
