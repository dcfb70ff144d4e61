// The pages for people, as they were built into the program (cmake/pages.cmake, web/).
#pragma once
#include <span>
#include <string_view>

namespace strata::serve {

struct PageFile {
  std::string_view path;   // "/", "/assets/index-3f2a.js"
  std::string_view type;   // of the content
  std::string_view etag;   // with its quotes
  std::string_view gzip;   // the compressed bytes
};

/// Empty when the program was built without npm.
std::span<const PageFile> page_files();

}  // namespace strata::serve
