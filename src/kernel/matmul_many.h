// Many tokens, int8: a panel's weights of some columns are unpacked once into L1 and meet every
// tile of tokens there. No include guard: once per instruction set, after matmul_panel.h and isa.h.
#include "kernel/layout/unpack.h"
#include "kernel/matmul_put.h"
namespace strata::kernel::STRATA_ISA {

// The register tile: groups x tokens, an int and a float accumulator each.
static constexpr int kTileGroups = kRegisters >= 32 ? 2 : 1;
static constexpr int kTileM = kRegisters >= 32 ? kTileTokens : kRegisters >= 8 ? 3 : 1;

/// What the tile kernel has to know of a format. `wide`: codes of 8 bits, offset 128. The others
/// are shifted to offset 32, so that formats share kernels.
struct Shape {
  int subs = 1;
  bool min = false, wide = false;
};
constexpr Shape shape_of(Codes c) {
  return {kBlock / c.sub, c.min, !c.min && (kHasInt8Dot || c.bits == 8 || c.codebook)};
}
constexpr int offset_of(Shape shape) { return shape.min ? 0 : shape.wide ? 128 : 32; }

// Unpacks `blocks` blocks (whole spans, but for the end of the row) of one group; returns the end
// of what it read.
template <Coding coding>
static const uint8_t* unpack_panel(const Share& s, const uint8_t* p, int blocks, int group,
                                   ManyScratch& to) {
  constexpr Codes c = layout::codes_of(coding);
  constexpr int subs = kBlock / c.sub, shift = offset_of(shape_of(c)) - c.offset;
  const I book = codebook<coding>(*s.layout);
  uint8_t* codes = to.codes + group * kLine;
  float* scale = to.scale + group * kGroupRows;
  float* min = to.min + group * kGroupRows;
  for (int b = 0; b < blocks; b += kSpanBlocks) {
    const int n = blocks - b < kSpanBlocks ? blocks - b : kSpanBlocks;
    s.read_header(*s.layout, p, n, scale, min, kPanelRows);
    p += header_bytes(*s.layout, n);
    scale += n * subs * kPanelRows;
    min += n * subs * kPanelRows;
    for (int i = 0; i < n; i++, p += c.bits * kLine, codes += 8 * kPanelGroups * kLine) {
      I u[8];
      unpack_block<coding>(p, book, u);
      STRATA_UNROLL for (int j = 0; j < 8; j++) {
        if constexpr (shift != 0) u[j] = add8(u[j], I::set1_u8(uint8_t(shift)));
        u[j].store(codes + j * kPanelGroups * kLine);
      }
    }
  }
  return p;
}

template <int subs> STRATA_INLINE I negative_sum(const Record& r, int sub) {
  if constexpr (subs == 1) return I::broadcast4(&r.neg_sum);
  const I high = I::broadcast4(&r.neg_sum_hi);
  return sub ? high : sub32(I::broadcast4(&r.neg_sum), high);
}

/// How a block's codes (or half a block's) meet G groups x M tokens: acc += their products.
struct VectorDots {
  template <int steps, int G, int M> STRATA_INLINE void begin() {}
  STRATA_INLINE void end() {}
  template <bool wide, int steps, int G, int M>
  STRATA_INLINE void add(const uint8_t* codes, const Record* x, int first, I (&acc)[G][M]) {
    STRATA_UNROLL for (int j = 0; j < steps; j++) {
      I u[G];
      STRATA_UNROLL for (int g = 0; g < G; g++)
        u[g] = I::load(codes + (j * kPanelGroups + g) * kLine);
      STRATA_UNROLL for (int m = 0; m < M; m++) {
        const I q = I::broadcast4(x[m].q + 4 * (first + j));
        STRATA_UNROLL for (int g = 0; g < G; g++)
          acc[g][m] = wide ? dot4(acc[g][m], u[g], q) : dot4_small(acc[g][m], u[g], q);
      }
    }
  }
};

// G groups x M tokens over the unpacked columns: y[token][group] += their products.
template <class Dots, Shape shape, int G, int M>
static __attribute__((noinline)) void tile(const ManyScratch& w, int group, const Record* x,
                                           int64_t step, int blocks, float* y, bool first) {
  constexpr int subs = shape.subs, steps = 8 / subs;
  const uint8_t* codes = w.codes + group * kLine;
  const float* scale = w.scale + group * kGroupRows;
  const float* min = w.min + group * kGroupRows;
  y += group * kGroupRows;
  Dots::template begin<steps, G, M>();
  for (int b = 0; b < blocks; first = false) {
    const int end = b + kSpanBlocks < blocks ? b + kSpanBlocks : blocks;
    const Record* head = x;
    F f[G][M];
    STRATA_UNROLL for (int g = 0; g < G; g++)
      STRATA_UNROLL for (int m = 0; m < M; m++) f[g][m] = F::zero();
    for (; b < end; b++, x += step) {
      STRATA_UNROLL for (int sub = 0; sub < subs; sub++) {
        I acc[G][M];
        STRATA_UNROLL for (int m = 0; m < M; m++) {
          I start = I::zero();
          if constexpr (!shape.min)
            start = shl32<shape.wide ? 7 : 5>(negative_sum<subs>(x[m], sub));
          STRATA_UNROLL for (int g = 0; g < G; g++) acc[g][m] = start;
        }
        Dots::template add<shape.wide, steps>(codes, x, sub * steps, acc);
        codes += steps * kPanelGroups * kLine;
        STRATA_UNROLL for (int m = 0; m < M; m++) {
          const I exponent = I::broadcast4(&x[m].exponent);
          STRATA_UNROLL for (int g = 0; g < G; g++) {
            const I scales = I::load(scale + g * kGroupRows);
            f[g][m] = fma(to_f(acc[g][m]), as_f(add32(scales, exponent)), f[g][m]);
          }
          if constexpr (shape.min) {
            const F sum = as_f(add32(as_i(to_f(negative_sum<subs>(x[m], sub))), exponent));
            STRATA_UNROLL for (int g = 0; g < G; g++)
              f[g][m] = fma(sum, F::load(min + g * kGroupRows), f[g][m]);
          }
        }
        scale += kPanelRows;
        min += kPanelRows;
      }
    }
    STRATA_UNROLL for (int m = 0; m < M; m++) {
      const F d = F::set1(head[m].scale);
      STRATA_UNROLL for (int g = 0; g < G; g++) {
        float* to = y + m * kPanelRows + g * kGroupRows;
        (first ? f[g][m] * d : fma(f[g][m], d, F::load(to))).store(to);
      }
    }
  }
}

template <class Dots, Shape shape, int M = kTileM>
STRATA_INLINE void tile_of(int n, const ManyScratch& w, int group, const Record* x, int64_t step,
                           int blocks, float* y, bool first) {
  if (n >= M) return tile<Dots, shape, kTileGroups, M>(w, group, x, step, blocks, y, first);
  if constexpr (M > 1) tile_of<Dots, shape, M - 1>(n, w, group, x, step, blocks, y, first);
}

/// Hands out the next panel's bytes in equal parts, one a tile.
struct Ahead {
  const uint8_t* p[kPanelGroups];
  size_t bytes = 0, step = 0, at = 0;
  STRATA_METHOD void next() {
    for (size_t end = at + step; at < end && at < bytes; at += kLine)
      for (int g = 0; g < kPanelGroups; g++) __builtin_prefetch(p[g] + at, 0, 2);
  }
};

template <Coding coding, class Dots = VectorDots>
static void many(const Share& s, ManyScratch& scratch) {
  constexpr Shape shape = shape_of(layout::codes_of(coding));
  const int64_t row_blocks = s.w.cols / kBlock;
  const int block = token_block(s.x.tokens, row_blocks * int64_t(sizeof(Record)), 4 * kTileTokens);
  for (int t0 = 0; t0 < s.x.tokens; t0 += block) {
    const int t1 = t0 + block < s.x.tokens ? t0 + block : s.x.tokens;
    const int tiles = (t1 - t0 + kTileTokens - 1) / kTileTokens;
    for (int64_t g = s.group_begin; g < s.group_end; g += kPanelGroups) {
      const int groups = s.group_end - g < kPanelGroups ? 1 : kPanelGroups;
      const uint8_t* p = s.group(g);
      for (int64_t b = 0, n; b < row_blocks; b += n) {
        const int64_t left = row_blocks - b;
        n = left <= ManyScratch::kBlocks ? left : ManyScratch::kChunk;
        if (groups > 1) unpack_panel<coding>(s, p + s.group_bytes, int(n), 1, scratch);
        p = unpack_panel<coding>(s, p, int(n), 0, scratch);

        Ahead ahead;
        const uint8_t* next = b + n < row_blocks ? p : s.group(g + kPanelGroups);
        for (int i = 0; i < kPanelGroups; i++) ahead.p[i] = next + i * s.group_bytes;
        ahead.bytes = ManyScratch::kChunk / kSpanBlocks * span_bytes(*s.layout, kSpanBlocks);
        ahead.step = (ahead.bytes / tiles + kLine - 1) / kLine * kLine;
        for (int t = t0; t < t1; t += kTileTokens) {
          const int tokens = t1 - t < kTileTokens ? t1 - t : kTileTokens;
          const Record* x = s.x.records + record_offset(s.w.cols, t) + b * tokens;
          float* y = scratch.y + (t - t0) * kPanelRows;
          ahead.next();
          for (int m = 0; m < tokens; m += kTileM)
            for (int i = 0; i < groups; i += kTileGroups)
              tile_of<Dots, shape>(tokens - m, scratch, i, x + m, tokens, int(n),
                                   y + m * kPanelRows,
                                  b == 0);
        }
      }
      for (int t = t0; t < t1; t++)
        for (int i = 0; i < groups; i++)
          put(s, g + i, t, F::load(scratch.y + (t - t0) * kPanelRows + i * kGroupRows));
    }
  }
  Dots::end();
}

}  // namespace strata::kernel::STRATA_ISA
