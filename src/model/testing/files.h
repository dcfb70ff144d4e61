// Where the tests find their data, and folders that vanish afterwards.
#pragma once
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace strata::model::testing {

/// tests/golden/NAME of the source tree.
inline std::string golden(std::string_view name) {
  const char* root = std::getenv("STRATA_SOURCE");
  return std::string(root ? root : ".") + "/tests/golden/" + std::string(name);
}

/// A real model, fetched by tools/setup; the test that opens a missing one fails with its path.
inline std::string real_model(std::string_view name) {
  const char* folder = std::getenv("STRATA_TEST_MODELS");
  if (folder) return std::string(folder) + "/" + std::string(name);
  const char* root = std::getenv("STRATA_SOURCE");
  return std::string(root ? root : ".") + "/build/models/" + std::string(name);
}

inline std::vector<uint8_t> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("test data missing: " + path);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
}

inline std::string read_text(const std::string& path) {
  const std::vector<uint8_t> bytes = read_bytes(path);
  return std::string(bytes.begin(), bytes.end());
}

inline void write_bytes(const std::string& path, const void* data, size_t size) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}
inline void write_text(const std::string& path, std::string_view text) {
  write_bytes(path, text.data(), text.size());
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "strata-test-XXXXXX";
    if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot create " + pattern);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace strata::model::testing
