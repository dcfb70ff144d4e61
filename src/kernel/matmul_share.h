// Inside of matmul: what its kernels share. Callers include matmul.h.
#pragma once
#include "kernel/layout/header.h"
#include "kernel/matmul.h"

namespace strata::kernel {

/// One thread's part of a product.
struct Share {
  const Matrix& w;
  const Activation& x;
  const Output& out;
  int64_t group_begin, group_end;
  size_t group_bytes;
  const layout::Layout* layout;         // null: packed by column
  layout::HeaderReader read_header;
  const uint8_t* group(int64_t g) const { return w.data + size_t(g) * group_bytes; }
};

/// With records: up to this many tokens weights are unpacked in registers, tile after tile of the
/// same group; from there on unpacking once into L1 for all tiles wins (measured: every format).
inline constexpr int kFewTokens = 18;
/// The same for float weights: a panel only saves reading activations again for each group.
inline constexpr int kFewFloatTokens = 24;

// int8 records, at most kFewTokens tokens. By coding, so that they compile side by side.
void few_narrow(const Share& share);   // up to three bits
void few_four(const Share& share);     // four
void few_wide(const Share& share);     // more
// int8 records, any number of tokens. False, and nothing done, without matrix tiles.
void many(const Share& share);
bool many_amx(const Share& share);
// float activations: weights f32, f16, bf16 and few tokens; or anything.
void few_float(const Share& share);
void many_float(const Share& share);
// float activations, rounded; weights bf16 or f8. False, and nothing done, without bf16 products.
bool many_bf16(const Share& share);
void unpack_row(const Share& share, int64_t row, float* out);

/// A panel: two groups whose weights one thread unpacks and uses for a whole block of tokens.
inline constexpr int kPanelGroups = 2;
inline constexpr int kPanelRows = kPanelGroups * kGroupRows;
/// Bytes of activations that a block of tokens may take: they stay in L2 from panel to panel.
inline constexpr int64_t kTokenBlockBytes = 768 << 10;
inline constexpr int kTokenBlock = 516;   // whole tiles: 512 tokens are one block

/// Tokens a block: whole tiles, blocks of equal size.
inline int token_block(int tokens, int64_t bytes_a_token, int least) {
  int64_t n = kTokenBlockBytes / bytes_a_token;
  n = n < least ? least : n > kTokenBlock ? kTokenBlock : n;
  const int64_t blocks = (tokens + n - 1) / n;
  const int64_t tiles = (tokens + kTileTokens - 1) / kTileTokens;
  return int((tiles + blocks - 1) / blocks * kTileTokens);
}

}  // namespace strata::kernel
