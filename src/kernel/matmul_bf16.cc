// Many tokens, weights bf16 or of eight bits: activations are rounded to bf16 once for a block of
// tokens and a slice of columns, and a product takes two columns.
#include "kernel/matmul_share.h"

#ifndef STRATA_MATMUL_BF16_ONCE_
#define STRATA_MATMUL_BF16_ONCE_
namespace strata::kernel {

struct Bf16Scratch {
  static constexpr int kTile = 12;        // tokens at once
  static constexpr int kTokens = 252;
  static constexpr int kCols = 1024;      // of a slice: x stays in L2
  static constexpr int kStride = kCols / 2 + 16;   // a line more: rows fall into different sets
  static constexpr int kChunk = layout::kSpan;     // of a panel: w stays in L1
  alignas(64) uint32_t x[kTokens * kStride];                              // [token][pair]
  alignas(64) uint8_t w[kPanelGroups][kChunk / 2 * layout::kLine];        // [group][pair][16][2]
  alignas(64) float scale[kPanelGroups][kChunk / layout::kBlock * kGroupRows];
  alignas(64) float y[kTokens * kPanelRows];                              // [token][group][16]
};

}  // namespace strata::kernel
#endif

#define STRATA_KERNEL "kernel/matmul_bf16.cc"
#define STRATA_LEVELS_BF16
#include "kernel/isa.h"

#if !defined(STRATA_DISPATCH) && defined(STRATA_BF16) && STRATA_BF16
#include "kernel/layout/unpack.h"
#include "kernel/layout/unpack_f8.h"
#include "kernel/matmul_put.h"
namespace strata::kernel::STRATA_ISA {

static constexpr int kTile = Bf16Scratch::kTile, kStride = Bf16Scratch::kStride;

/// `cols` columns of a token, rounded; an odd last one is paired with zero.
static void round_row(const float* row, int cols, uint32_t* out) {
  for (int k = 0; k < cols; k += 32) {
    const int left = cols - k;
    const F low = left >= 16 ? F::load(row + k) : F::load(row + k, left);
    const F high = left >= 32   ? F::load(row + k + 16)
                   : left > 16 ? F::load(row + k + 16, left - 16)
                               : F::zero();
    pack_bf16(low, high).store(out + k / 2);
  }
}

// Two groups x M tokens over n columns, whose sums are scaled and added to y for each `each`
// columns: for every block of eight-bit weights, else at the end.
template <bool scaled, int M>
static __attribute__((noinline)) void tile(const uint8_t* const* w, const float* const* scale,
                                           const uint32_t* x, int n, float* y, bool first) {
  const uint8_t *w0 = w[0], *w1 = w[1];
  const int each = scaled ? kBlock : n;
  for (int k = 0; k < n; k += each, first = false) {
    F acc[2][M];
    STRATA_UNROLL for (int m = 0; m < M; m++) acc[0][m] = acc[1][m] = F::zero();
    for (int i = 0; i < each; i += 2, w0 += kLine, w1 += kLine, x++) {
      const I a = I::load(w0), b = I::load(w1);
      STRATA_UNROLL for (int m = 0; m < M; m++) {
        const I pair = I::broadcast4(x + m * kStride);
        acc[0][m] = dot2_bf16(acc[0][m], a, pair);
        acc[1][m] = dot2_bf16(acc[1][m], b, pair);
      }
    }
    STRATA_UNROLL for (int g = 0; g < 2; g++) {
      F d = F::set1(1);
      if constexpr (scaled) d = F::load(scale[g] + k / kBlock * kGroupRows);
      STRATA_UNROLL for (int m = 0; m < M; m++) {
        float* to = y + m * kPanelRows + g * kGroupRows;
        const F before = first ? F::zero() : F::load(to);
        if constexpr (scaled) fma(acc[g][m], d, before).store(to);
        else (acc[g][m] + before).store(to);
      }
    }
  }
}

/// The eight-bit weights of columns [col, col + n), a multiple of 32 inside one span, as pairs.
template <int mantissa>
static void unpack_f8(const Share& s, const uint8_t* p, int64_t col, int n, uint8_t* out,
                      float* scale) {
  const int64_t span = col / kSpan, left = (s.w.cols - span * kSpan) / kBlock;
  const int blocks = left < kSpanBlocks ? int(left) : kSpanBlocks;
  p += span * span_bytes(*s.layout, kSpanBlocks);
  s.read_header(*s.layout, p, blocks, scale, nullptr, kGroupRows);
  p += header_bytes(*s.layout, blocks);
  const I top = I::set1(int32_t(0xffff0000));
  for (int j = 0; j < n / 4; j++, out += 2 * kLine) {
    F v[4];
    f8_four<mantissa>(p, j, v);   // exact in bf16: its low half is zero
    (shr32<16>(as_i(v[0])) | (as_i(v[1]) & top)).store(out);
    (shr32<16>(as_i(v[2])) | (as_i(v[3]) & top)).store(out + kLine);
  }
}

static void many_bf16(const Share& s, Bf16Scratch& scratch) {
  using B = Bf16Scratch;
  const bool f8 = s.layout;
  const int64_t cols = s.w.cols + s.w.cols % 2;   // packed bf16 are padded to pairs
  const Output more{.y = s.out.y, .stride = s.out.stride, .accumulate = true, .bias = nullptr};
  const Share later{s.w, s.x, more, s.group_begin, s.group_end, s.group_bytes, s.layout,
                    s.read_header};
  for (int t0 = 0; t0 < s.x.tokens; t0 += B::kTokens) {
    const int t1 = t0 + B::kTokens < s.x.tokens ? t0 + B::kTokens : s.x.tokens;
    for (int64_t slice = 0; slice < cols; slice += B::kCols) {
      const int width = int(cols - slice < B::kCols ? cols - slice : B::kCols);
      const int real = int(s.w.cols - slice < width ? s.w.cols - slice : width);
      for (int t = t0; t < t1; t++)
        round_row(s.x.f32 + t * s.x.stride + slice, real, scratch.x + (t - t0) * kStride);
      for (int64_t g = s.group_begin; g < s.group_end; g += kPanelGroups) {
        const int groups = s.group_end - g < kPanelGroups ? 1 : kPanelGroups;
        for (int col = 0; col < width; col += B::kChunk) {
          const int n = width - col < B::kChunk ? width - col : B::kChunk;
          const uint8_t* w[kPanelGroups];
          const float* scale[kPanelGroups];
          for (int i = 0; i < kPanelGroups; i++) {
            // A panel of one group computes the same one twice.
            const uint8_t* p = s.group(i < groups ? g + i : g);
            w[i] = f8 ? scratch.w[i] : p + (slice + col) / 2 * kLine;
            scale[i] = scratch.scale[i];
            if (s.w.type == Type::f8_e4m3)
              unpack_f8<3>(s, p, slice + col, n, scratch.w[i], scratch.scale[i]);
            else if (f8) unpack_f8<2>(s, p, slice + col, n, scratch.w[i], scratch.scale[i]);
          }
          for (int t = t0; t < t1; t += kTile) {
            // A last tile of fewer tokens computes what nobody reads.
            const uint32_t* x = scratch.x + (t - t0) * kStride + col / 2;
            float* y = scratch.y + (t - t0) * kPanelRows;
            const bool half = t1 - t <= kTile / 2;
            if (f8) (half ? tile<true, kTile / 2> : tile<true, kTile>)(w, scale, x, n, y, col == 0);
            else (half ? tile<false, kTile / 2> : tile<false, kTile>)(w, scale, x, n, y, col == 0);
          }
        }
        for (int t = t0; t < t1; t++)
          for (int i = 0; i < groups; i++)
            put(slice ? later : s, g + i, t,
                F::load(scratch.y + (t - t0) * kPanelRows + i * kGroupRows));
      }
    }
  }
}

}  // namespace strata::kernel::STRATA_ISA
#endif

#ifdef STRATA_DISPATCH
namespace strata::kernel {

bool many_bf16(const Share& share) {
#if defined(__x86_64__)
  static thread_local Bf16Scratch scratch;
  if (isa_level() < Isa::avx512_bf16) return false;
  avx512_bf16::many_bf16(share, scratch);
  return true;
#else
  static_cast<void>(share);
  return false;
#endif
}

}  // namespace strata::kernel
#endif
