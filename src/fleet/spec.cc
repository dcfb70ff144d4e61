#include "fleet/spec.h"

#include <filesystem>

namespace strata::fleet {

std::vector<std::string> aliases_of(const std::string& path) {
  return {path, std::filesystem::path(path).filename().string()};
}

}  // namespace strata::fleet
