# strata_pages(TARGET): the pages of web/, compressed, as a source of TARGET.
function(strata_pages target)
  find_package(ZLIB REQUIRED)
  set(web ${CMAKE_SOURCE_DIR}/web)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${web}/src/*)
  set(data ${CMAKE_BINARY_DIR}/generated/pages_data.cc)
  add_custom_command(OUTPUT ${data}
    COMMAND ${CMAKE_SOURCE_DIR}/tools/pages ${data}
    DEPENDS ${sources} ${web}/index.html ${web}/vite.config.ts ${web}/package-lock.json
            ${web}/embed.mjs ${CMAKE_SOURCE_DIR}/tools/pages
    COMMENT "Building the pages"
    VERBATIM)
  target_sources(${target} PRIVATE ${data})
  target_link_libraries(${target} PUBLIC ZLIB::ZLIB)
endfunction()
