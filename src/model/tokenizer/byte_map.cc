#include "model/tokenizer/byte_map.h"

#include <array>

#include "model/tokenizer/utf8.h"

namespace strata::model::tokenizer {
namespace {

constexpr char32_t first_free = 0x100, end_free = 0x100 + 68;

struct Table {
  std::array<std::string, 256> text;
  std::array<int, end_free> byte_of;   // by code point; -1: none
  Table() {
    byte_of.fill(-1);
    char32_t free = first_free;
    for (int b = 0; b < 256; ++b) {
      const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const char32_t c = printable ? static_cast<char32_t>(b) : free++;
      append_utf8(text[b], c);
      byte_of[c] = b;
    }
  }
};

const Table& table() {
  static const Table t;
  return t;
}

}  // namespace

std::string_view mapped_byte(unsigned char byte) { return table().text[byte]; }

std::string map_bytes(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char b : bytes) out += mapped_byte(static_cast<unsigned char>(b));
  return out;
}

std::string unmap_bytes(std::string_view mapped) {
  std::string out;
  out.reserve(mapped.size());
  for (size_t at = 0; at < mapped.size();) {
    if (!sequence_length(mapped.substr(at))) return std::string(mapped);
    const char32_t c = next_code_point(mapped, at);
    const int byte = c < end_free ? table().byte_of[c] : -1;
    if (byte < 0) return std::string(mapped);
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

}  // namespace strata::model::tokenizer
