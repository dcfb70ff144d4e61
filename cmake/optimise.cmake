# Optimisation over the whole program: STRATA_LTO and the two stages of STRATA_PGO.
option(STRATA_LTO "optimise the program over file borders when it is linked" OFF)
set(STRATA_PGO "" CACHE STRING "generate: the program writes profiles; use: compile with them")
set_property(CACHE STRATA_PGO PROPERTY STRINGS "" generate use)

if(STRATA_LTO)
  # Objects hold both forms: the program links the one, the test programs the other, since each of
  # them would optimise all layers again.
  add_compile_options(-flto=auto -ffat-lto-objects)
endif()
if(STRATA_PGO STREQUAL generate)
  # Threads count together: without atomics profiles of parallel code contradict themselves.
  add_compile_options(-fprofile-generate -fprofile-update=atomic)
  add_link_options(-fprofile-generate)
elseif(STRATA_PGO STREQUAL use)
  # What the training did not run keeps the optimisation it has without a profile.
  add_compile_options(-fprofile-use -fprofile-partial-training -fprofile-correction
                      -Wno-missing-profile -Wno-coverage-mismatch)
endif()

# A kernel file is one call wide: nothing in it is to be inlined elsewhere, and its loops are
# written as the machine shall run them, so neither mode has anything to give there.
function(strata_optimise_layer target name)
  if(name STREQUAL kernel)
    if(STRATA_LTO)
      target_compile_options(${target} PRIVATE -fno-lto)
    endif()
    if(STRATA_PGO STREQUAL generate)
      target_compile_options(${target} PRIVATE -fno-profile-generate)
    elseif(STRATA_PGO STREQUAL use)
      target_compile_options(${target} PRIVATE -fno-profile-use)
    endif()
  endif()
endfunction()

function(strata_optimise_program target)
  if(STRATA_LTO)
    target_link_options(${target} PRIVATE -flto=auto -fuse-linker-plugin)
  endif()
endfunction()
