// What one thread unpacks for the products of many tokens.
#pragma once
#include "kernel/matmul_share.h"

namespace strata::kernel {

/// 512 columns of a panel, or all where there are few more, and the panel's results for a block of
/// tokens.
struct ManyScratch {
  static constexpr int kChunk = 16, kBlocks = 20;   // multiples of 4, as scales are read
  alignas(64) uint8_t codes[kBlocks * 8 * kPanelGroups * layout::kLine];   // [block][8][group][64]
  alignas(64) float scale[kBlocks * 2 * kPanelRows];                       // [sub-block][group][16]
  alignas(64) float min[kBlocks * 2 * kPanelRows];
  alignas(64) float y[kTokenBlock * kPanelRows];                           // [token][group][16]
};

}  // namespace strata::kernel
