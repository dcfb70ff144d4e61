// The directory of a ZIP archive, as PyTorch and Keras write it: entries without compression.
// Source: APPNOTE.TXT of PKWARE, sections 4.3 and 4.5.3 (ZIP64).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::model {

namespace zip {
inline constexpr uint64_t kEntriesMax = 1 << 20;
inline constexpr uint32_t kLocalMagic = 0x04034b50;  // "PK\3\4"
}  // namespace zip

/// Bytes of the entry in the archive.
struct ZipEntry {
  std::string name;
  std::span<const uint8_t> bytes;
};

/// Errors: data_loss with file and byte; unimplemented for compressed or encrypted entries, which
/// cannot be mapped.
std::vector<ZipEntry> parse_zip(std::span<const uint8_t> bytes, std::string_view path);

bool is_zip(std::span<const uint8_t> bytes);

}  // namespace strata::model
