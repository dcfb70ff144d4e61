// What a file of this folder registers: one format's description and its conversions.
#pragma once
#include <cstdint>
#include <cstring>

#include "base/registry.h"
#include "kernel/half.h"
#include "kernel/layout/header_row.h"
#include "kernel/type.h"

namespace strata::kernel::quant {

/// How rows of a block format become spans of a packed layout. A span is 256 columns of one row;
/// a row may end with fewer blocks of 32.
struct Packing {
  layout::Layout layout{};
  /// The codes of the span's blocks: 32 bytes a block as eight words, the first column lowest.
  void (*codes)(const uint8_t* span, int blocks, uint32_t (*u)[8]) = nullptr;
  /// The span's scales and minima into the row's part of its header.
  void (*scales)(const uint8_t* span, int blocks, const layout::HeaderRow& to) = nullptr;
};

struct Format : TypeInfo {
  /// `blocks` stored blocks to floats.
  void (*to_f32)(const uint8_t* stored, int64_t blocks, float* out);
  /// The reverse; null where there is no quantiser.
  void (*from_f32)(const float* values, int64_t blocks, uint8_t* stored);
  Packing packing{};  // empty: f32, f16, bf16, which are packed by column
};

using FormatFile = Registry<Format>;
const Format& format_of(Type type);

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

// ---- packing: four codes at a time, as the bytes of a word

inline constexpr uint16_t kSignF16 = 0x8000;

constexpr uint32_t bytes(uint32_t b) { return b * 0x01010101u; }
inline uint32_t word(const uint8_t* p, int j) {
  uint32_t w;
  std::memcpy(&w, p + 4 * j, 4);
  return w;
}

/// Packing::scales of blocks of 32 with an f16 scale `d`.
template <class Block>
void half_scales(const uint8_t* span, int blocks, const layout::HeaderRow& to) {
  for (int b = 0; b < blocks; ++b) to.half(32 * b, read<Block>(span, b).d);
}
/// The same with an f16 minimum `m`, which a block adds and a packed one subtracts.
template <class Block>
void half_scales_and_minima(const uint8_t* span, int blocks, const layout::HeaderRow& to) {
  for (int b = 0; b < blocks; ++b) {
    const auto block = read<Block>(span, b);
    to.half(64 * b, block.d);
    to.half(64 * b + 32, block.m ^ kSignF16);
  }
}

/// 32 nibbles, low ones first.
inline void nibble_words(const uint8_t* q, uint32_t (&u)[8]) {
  for (int j = 0; j < 4; ++j) {
    u[j] = word(q, j) & bytes(15);
    u[4 + j] = word(q, j) >> 4 & bytes(15);
  }
}
/// Adds the fifth bits, in the order of the values.
inline void add_fifths(const uint8_t* high, uint32_t (&u)[8]) {
  const uint32_t h = word(high, 0);
  for (int j = 0; j < 8; ++j) u[j] |= ((h >> 4 * j & 15) * 0x00204081u & bytes(1)) << 4;
}

}  // namespace strata::kernel::quant
