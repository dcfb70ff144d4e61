// Where the tokenizer tests find their data.
#pragma once
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace strata::model::tokenizer {

inline std::string source_root() {
  const char* root = std::getenv("STRATA_SOURCE");
  return root ? root : ".";
}
inline std::string golden_path(const std::string& name) {
  return source_root() + "/test/golden/tokenizer/" + name;
}
inline std::string test_models() {
  const char* folder = std::getenv("STRATA_TEST_MODELS");
  return folder ? folder : source_root() + "/build/models";
}
/// Throws naming the file if it cannot be read: a test without its data fails.
inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

}  // namespace strata::model::tokenizer
