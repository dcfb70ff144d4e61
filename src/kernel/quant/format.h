// What a file of this folder registers: one format's description and its conversions.
#pragma once
#include <cstdint>
#include <cstring>

#include "base/registry.h"
#include "kernel/half.h"
#include "kernel/quant/block.h"
#include "kernel/type.h"

namespace strata::kernel::quant {

struct Format : TypeInfo {
  /// `blocks` stored blocks to floats.
  void (*to_f32)(const uint8_t* stored, int64_t blocks, float* out);
  /// The reverse; null where there is no quantiser.
  void (*from_f32)(const float* values, int64_t blocks, uint8_t* stored);
};

using FormatFile = Registry<Format>;

/// Stored rows lie at any address, so blocks are copied out and in.
template <class Block>
Block read(const uint8_t* stored, int64_t index) {
  Block block;
  std::memcpy(&block, stored + index * sizeof(Block), sizeof(Block));
  return block;
}
template <class Block>
void write(const Block& block, uint8_t* stored, int64_t index) {
  std::memcpy(stored + index * sizeof(Block), &block, sizeof(Block));
}

/// Nibble of value i of 32: low ones first.
inline int nibble(const uint8_t* q, int i) { return i < 16 ? q[i] & 15 : q[i - 16] >> 4; }
/// Fifth bit of value i of 32, as 0 or 16.
inline int fifth(const uint8_t* high, int i) { return (high[i / 8] >> (i % 8) & 1) << 4; }

/// Writes 32 four-bit codes in that order.
inline void put_nibbles(const uint8_t* codes, uint8_t* q) {
  for (int i = 0; i < 16; ++i) q[i] = uint8_t((codes[i] & 15) | (codes[16 + i] & 15) << 4);
}
inline void put_fifths(const uint8_t* codes, uint8_t* high) {
  std::memset(high, 0, 4);
  for (int i = 0; i < 32; ++i) high[i / 8] |= uint8_t((codes[i] >> 4 & 1) << (i % 8));
}

}  // namespace strata::kernel::quant
