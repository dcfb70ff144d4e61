#include "model/format/byte_reader.h"

namespace strata::model {

std::string printable(std::string_view text) {
  constexpr size_t kShown = 80;
  std::string out;
  for (unsigned char c : text.substr(0, kShown)) {
    if (c >= 0x20 && c < 0x7f)
      out += static_cast<char>(c);
    else
      out += fmt::format("\\x{:02x}", c);
  }
  if (text.size() > kShown) out += "...";
  return out;
}

}  // namespace strata::model
