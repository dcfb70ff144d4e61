# The Rust libraries, built by cargo into one static library.
find_program(CARGO cargo HINTS $ENV{HOME}/.cargo/bin REQUIRED)
set(rust_source ${CMAKE_SOURCE_DIR}/src/model/rust)
set(STRATA_RUST_BUILD ${CMAKE_BINARY_DIR}/rust CACHE PATH "build folder of the Rust libraries")
set(rust_target ${STRATA_RUST_BUILD})
set(rust_library ${rust_target}/release/libstrata_rust.a)
file(GLOB rust_files CONFIGURE_DEPENDS ${rust_source}/src/*.rs ${rust_source}/Cargo.toml)
add_custom_command(
  OUTPUT ${rust_library}
  # The sources are copied so that cargo writes its lock file into the build folder.
  COMMAND ${CMAKE_COMMAND} -E copy_directory ${rust_source} ${rust_target}/source
  COMMAND ${CARGO} build --quiet --release --manifest-path ${rust_target}/source/Cargo.toml
          --target-dir ${rust_target}
  DEPENDS ${rust_files}
  COMMENT "Building the Rust libraries")
add_custom_target(strata_rust_build DEPENDS ${rust_library})
add_library(strata_rust STATIC IMPORTED GLOBAL)
set_target_properties(strata_rust PROPERTIES IMPORTED_LOCATION ${rust_library})
add_dependencies(strata_rust strata_rust_build)
