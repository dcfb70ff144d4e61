// Data of the tokenizer tests: files and random texts.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>

#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {

inline std::string source_root() {
  const char* root = std::getenv("STRATA_SOURCE");
  return root ? root : ".";
}
inline std::string golden_path(const std::string& name) {
  return source_root() + "/tests/golden/tokenizer/" + name;
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

/// Random texts, the same in every run.
class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(engine_() % n); }

  /// Well-formed UTF-8 of `n` characters, of all planes and much ASCII and white space.
  std::string text(uint32_t n) {
    std::string out;
    while (n-- > 0) {
      char32_t c = 0;
      switch (below(8)) {
        case 0: c = " \t\n\r "[below(5)]; break;
        case 1: case 2: case 3: c = below(0x80); break;
        case 4: c = 0x80 + below(0x780); break;
        case 5: c = 0x2000 + below(0x100); break;
        case 6: c = 0x3000 + below(0x7000); break;
        default: c = below(0x110000); break;
      }
      append_utf8(out, c >= 0xD800 && c < 0xE000 ? U'x' : c);
    }
    return out;
  }
  /// `n` bytes, ill-formed as UTF-8 more often than not.
  std::string bytes(uint32_t n) {
    std::string out;
    while (n-- > 0) out.push_back(static_cast<char>(below(3) ? below(128) : below(256)));
    return out;
  }

 private:
  std::mt19937 engine_;
};

}  // namespace strata::model::tokenizer
