// The local library: models that were pulled, one folder or file each.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace strata::model {

/// $STRATA_HOME/models, by default ~/.strata/models.
std::string library_folder();

struct LibraryEntry {
  std::string name;      // what `strata run NAME` takes: file name without .gguf, or folder name
  std::string path;
  int64_t bytes = 0;
  int64_t modified_s = 0;   // Unix time
};
/// Sorted by name. An absent folder is an empty library.
std::vector<LibraryEntry> library();

/// A path of a model: `name` itself if it exists, else the library's entry of that name (exact,
/// then without regard to case, then as a unique prefix).
/// Errors: not_found with what the library holds; invalid_argument when several match.
std::string find_model(const std::string& name);

/// Deletes an entry with all its files, and nothing outside the library (a link, not what it leads
/// to). Only the whole name will do. Returns the bytes that the files held.
/// Errors: not_found; permission_denied.
int64_t remove_model(const std::string& name);

}  // namespace strata::model
