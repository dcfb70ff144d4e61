// Float activations: float weights, and every quantised format where exactness is asked for.
#include "base/check.h"
#include "kernel/matmul_share.h"

#ifndef STRATA_MATMUL_FLOAT_ONCE_
#define STRATA_MATMUL_FLOAT_ONCE_
namespace strata::kernel {

/// 128 columns of a panel as floats, and the panel's results for a block of tokens.
struct FloatScratch {
  static constexpr int kCols = 128;
  alignas(64) float w[kPanelGroups][kCols * kGroupRows];   // [group][column][16]
  alignas(64) float y[kTokenBlock * kPanelRows];           // [token][group][16]
};

}  // namespace strata::kernel
#endif

#define STRATA_KERNEL "kernel/matmul_float.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/layout/unpack.h"
#include "kernel/layout/unpack_f8.h"
#include "kernel/matmul_put.h"
namespace strata::kernel::STRATA_ISA {

static constexpr int kTileGroups = kRegisters >= 32 ? 2 : 1;
static constexpr int kTileM = kRegisters >= 8 ? kTileTokens : 1;
static constexpr int kFewAtOnce = kRegisters >= 32 ? kTileTokens : kRegisters >= 8 ? 3 : 1;

// ---- any stored type as floats [column][16]

/// 32 columns of codes times their scales.
template <Coding coding>
static void block_floats(const uint8_t* p, I book, const float* scale, const float* min,
                         float* out) {
  constexpr Codes c = layout::codes_of(coding);
  constexpr int steps = c.sub / 4;
  const I low = I::set1(255);
  I u[8];
  unpack_block<coding>(p, book, u);
  STRATA_UNROLL for (int j = 0; j < 8; j++, out += 4 * kGroupRows) {
    const F d = F::load(scale + j / steps * 16);
    const I code[4] = {u[j] & low, shr32<8>(u[j]) & low, shr32<16>(u[j]) & low, shr32<24>(u[j])};
    STRATA_UNROLL for (int i = 0; i < 4; i++) {
      F v;
      if constexpr (c.min) v = d * to_f(code[i]) - F::load(min + j / steps * 16);
      else v = d * to_f(sub32(code[i], I::set1(c.offset)));
      v.store(out + i * kGroupRows);
    }
  }
}

/// Columns [col, col + n) of a packed group; n <= FloatScratch::kCols, inside one span.
template <Coding coding>
static void span_floats(const Share& s, const uint8_t* p, int64_t col, int n, float* out) {
  constexpr Codes c = layout::codes_of(coding);
  constexpr int subs = kBlock / c.sub;
  const int64_t span = col / kSpan, left = (s.w.cols - span * kSpan) / kBlock;
  const int blocks = left < kSpanBlocks ? int(left) : kSpanBlocks;
  alignas(64) float scale[kSpanBlocks * subs * 16], min[kSpanBlocks * subs * 16];
  p += span * span_bytes(*s.layout, kSpanBlocks);
  s.read_header(*s.layout, p, blocks, scale, min, kGroupRows);
  p += header_bytes(*s.layout, blocks);
  const I book = codebook<coding>(*s.layout);
  for (int b = int(col % kSpan) / kBlock; n > 0; b++, n -= kBlock, out += kBlock * 16)
    block_floats<coding>(p + b * c.bits * kLine, book, scale + b * subs * 16, min + b * subs * 16,
                         out);
}

/// As span_floats.
template <int mantissa>
static void f8_floats(const Share& s, const uint8_t* p, int64_t col, int n, float* out) {
  const int64_t span = col / kSpan, left = (s.w.cols - span * kSpan) / kBlock;
  const int blocks = left < kSpanBlocks ? int(left) : kSpanBlocks;
  alignas(64) float scale[kSpanBlocks * 16];
  p += span * span_bytes(*s.layout, kSpanBlocks);
  s.read_header(*s.layout, p, blocks, scale, nullptr, kGroupRows);
  p += header_bytes(*s.layout, blocks);
  for (int b = int(col % kSpan) / kBlock; n > 0; b++, n -= kBlock) {
    const F d = F::load(scale + b * 16);
    for (int j = 0; j < 8; j++) {
      F w[4];
      f8_four<mantissa>(p + b * 8 * kLine, j, w);
      STRATA_UNROLL for (int i = 0; i < 4; i++, out += kGroupRows) (w[i] * d).store(out);
    }
  }
}

template <Type type>
static void floats(const Share&, const uint8_t* p, int64_t col, int n, float* out) {
  if constexpr (type == Type::f32) {
    const float* from = reinterpret_cast<const float*>(p) + col * 16;
    for (int k = 0; k < n; k++) F::load(from + k * 16).store(out + k * 16);
  } else if constexpr (type == Type::f16) {
    for (int k = 0; k < n; k++) half16(p + (col + k) * 32).store(out + k * 16);
  } else {
    const I top = I::set1(int32_t(0xffff0000));
    for (int k = 0; k < n; k++) {
      const I v = line(p + (col + k) / 2 * kLine, 0);
      as_f((col + k) % 2 ? v & top : shl32<16>(v)).store(out + k * 16);
    }
  }
}

using Floats = void (*)(const Share& s, const uint8_t* group, int64_t col, int n, float* out);

static Floats floats_of(const Share& s) {
  if (!s.layout)
    return s.w.type == Type::f32 ? &floats<Type::f32>
           : s.w.type == Type::f16 ? &floats<Type::f16>
                                   : &floats<Type::bf16>;
  if (s.w.type == Type::f8_e4m3) return &f8_floats<3>;
  if (s.w.type == Type::f8_e5m2) return &f8_floats<2>;
  switch (s.layout->coding) {
#define STRATA_CODING(name, codes) \
  case Coding::name: return &span_floats<Coding::name>;
    STRATA_CODINGS(STRATA_CODING)
#undef STRATA_CODING
  }
  return nullptr;
}

static void row_floats(const Share& s, int64_t row, FloatScratch& scratch, float* out) {
  const Floats get = floats_of(s);
  for (int64_t col = 0; col < s.w.cols; col += FloatScratch::kCols) {
    const int64_t left = s.w.cols - col;
    const int n = left < FloatScratch::kCols ? int(left) : FloatScratch::kCols;
    get(s, s.group(row / kGroupRows), col, n, scratch.w[0]);
    for (int k = 0; k < n; k++) out[col + k] = scratch.w[0][k * kGroupRows + row % kGroupRows];
  }
}

// ---- many tokens

// G groups x M tokens over n columns. Sums of a chunk are added as one: the rounding error grows
// with the chunk and with the number of chunks, not with their product.
template <int G, int M>
static __attribute__((noinline)) void tile(const float* const* w, const float* x, int64_t stride,
                                           int n, float* y, bool first) {
  F acc[G][M];
  const float* row[M];
  STRATA_UNROLL for (int m = 0; m < M; m++) {
    row[m] = x + m * stride;
    STRATA_UNROLL for (int g = 0; g < G; g++) acc[g][m] = F::zero();
  }
  const float* p[G];
  STRATA_UNROLL for (int g = 0; g < G; g++) p[g] = w[g];
  for (int k = 0; k < n; k++) {
    F v[G];
    STRATA_UNROLL for (int g = 0; g < G; g++) v[g] = F::load(p[g] + k * kGroupRows);
    STRATA_UNROLL for (int m = 0; m < M; m++) {
      const F b = F::set1(row[m][k]);
      STRATA_UNROLL for (int g = 0; g < G; g++) acc[g][m] = fma(v[g], b, acc[g][m]);
    }
  }
  STRATA_UNROLL for (int m = 0; m < M; m++)
    STRATA_UNROLL for (int g = 0; g < G; g++) {
      float* to = y + m * kPanelRows + g * kGroupRows;
      (first ? acc[g][m] : acc[g][m] + F::load(to)).store(to);
    }
}

template <int M = kTileM>
static void tile_of(int tokens, const float* const* w, const float* x, int64_t stride, int n,
                    float* y, bool first) {
  if (tokens >= M) return tile<kTileGroups, M>(w, x, stride, n, y, first);
  if constexpr (M > 1) tile_of<M - 1>(tokens, w, x, stride, n, y, first);
}

static void many_float(const Share& s, FloatScratch& scratch) {
  const Floats get = floats_of(s);
  const bool direct = s.w.type == Type::f32;
  const int64_t cols = s.w.cols;
  const int block = token_block(s.x.tokens, cols * 4, 8 * kTileTokens);
  for (int t0 = 0; t0 < s.x.tokens; t0 += block) {
    const int t1 = t0 + block < s.x.tokens ? t0 + block : s.x.tokens;
    for (int64_t g = s.group_begin; g < s.group_end; g += kPanelGroups) {
      const int groups = s.group_end - g < kPanelGroups ? 1 : kPanelGroups;
      for (int64_t col = 0; col < cols; col += FloatScratch::kCols) {
        const int64_t left = cols - col;
        const int n = left < FloatScratch::kCols ? int(left) : FloatScratch::kCols;
        const float* w[kPanelGroups];
        for (int i = 0; i < kPanelGroups; i++) {
          // A panel of one group computes the same one twice.
          const uint8_t* p = s.group(i < groups ? g + i : g);
          w[i] = direct ? reinterpret_cast<const float*>(p) + col * kGroupRows : scratch.w[i];
          if (!direct) get(s, p, col, n, scratch.w[i]);
        }
        for (int t = t0; t < t1; t += kTileM)
          for (int i = 0; i < groups; i += kTileGroups)
            tile_of(t1 - t, w + i, s.x.f32 + t * s.x.stride + col, s.x.stride, n,
                    scratch.y + (t - t0) * kPanelRows + i * kGroupRows, col == 0);
      }
      for (int t = t0; t < t1; t++)
        for (int i = 0; i < groups; i++)
          put(s, g + i, t, F::load(scratch.y + (t - t0) * kPanelRows + i * kGroupRows));
    }
  }
}

// ---- few tokens, float weights: straight from memory

/// Four columns of a group.
template <Type type> STRATA_INLINE void four(const uint8_t* p, int64_t k, F (&w)[4]) {
  if constexpr (type == Type::f32) {
    STRATA_UNROLL for (int i = 0; i < 4; i++)
      w[i] = F::load(reinterpret_cast<const float*>(p) + (k + i) * 16);
  } else if constexpr (type == Type::f16) {
    STRATA_UNROLL for (int i = 0; i < 4; i++) w[i] = half16(p + (k + i) * 32);
  } else {
    const I top = I::set1(int32_t(0xffff0000));
    STRATA_UNROLL for (int i = 0; i < 2; i++) {
      const I v = line(p + k / 2 * kLine, i);
      w[2 * i] = as_f(shl32<16>(v));
      w[2 * i + 1] = as_f(v & top);
    }
  }
}

template <Type type, int M>
static __attribute__((noinline)) void few_group(const Share& s, int64_t g, int token) {
  // The scheduler fills up with what waits for a line, too early to have asked for enough others.
  constexpr int ahead = M >= 2 ? 16384 : 0;
  // Independent sums hide the latency of fma.
  constexpr int sums = 4 * M <= kRegisters / 2 ? 4 : 2 * M <= kRegisters / 2 ? 2 : 1;
  const uint8_t* p = s.group(g);
  const float* row[M];
  F y[M];
  STRATA_UNROLL for (int m = 0; m < M; m++) {
    row[m] = s.x.f32 + (token + m) * s.x.stride;
    y[m] = F::zero();
  }
  const int64_t whole = s.w.cols / 4 * 4;
  for (int64_t k = 0; k < whole;) {
    const int64_t end = k + FloatScratch::kCols < whole ? k + FloatScratch::kCols : whole;
    F acc[M][sums];
    STRATA_UNROLL for (int m = 0; m < M; m++)
      STRATA_UNROLL for (int i = 0; i < sums; i++) acc[m][i] = F::zero();
    for (; k < end; k += 4) {
      if constexpr (ahead > 0)
        STRATA_UNROLL for (int i = 0; i < (type == Type::f32 ? 4 : 2); i++)
          __builtin_prefetch(p + k * (type == Type::f32 ? 64 : 32) + i * kLine + ahead, 0, 2);
      F w[4];
      four<type>(p, k, w);
      STRATA_UNROLL for (int i = 0; i < 4; i++)
        STRATA_UNROLL for (int m = 0; m < M; m++)
          acc[m][i % sums] = fma(w[i], F::set1(row[m][k + i]), acc[m][i % sums]);
    }
    STRATA_UNROLL for (int m = 0; m < M; m++) {
      F sum = acc[m][0];
      STRATA_UNROLL for (int i = 1; i < sums; i++) sum = sum + acc[m][i];
      y[m] = y[m] + sum;
    }
  }
  alignas(64) float rest[4 * kGroupRows];
  if (whole < s.w.cols) floats<type>(s, p, whole, int(s.w.cols - whole), rest);
  for (int64_t k = whole; k < s.w.cols; k++)
    STRATA_UNROLL for (int m = 0; m < M; m++)
      y[m] = fma(F::load(rest + (k - whole) * kGroupRows), F::set1(row[m][k]), y[m]);
  STRATA_UNROLL for (int m = 0; m < M; m++) put(s, g, token + m, y[m]);
}

/// Eight-bit floats: as above, with a scale for each block.
template <int mantissa, int M>
static __attribute__((noinline)) void few_f8_group(const Share& s, int64_t g, int token) {
  constexpr int ahead = M >= 2 ? 16384 : 0;
  constexpr int sums = 4 * M <= kRegisters / 2 ? 4 : 2 * M <= kRegisters / 2 ? 2 : 1;
  alignas(64) float scale[kSpanBlocks * 16];
  const uint8_t* p = s.group(g);
  const float* row[M];
  F y[M];
  STRATA_UNROLL for (int m = 0; m < M; m++) {
    row[m] = s.x.f32 + (token + m) * s.x.stride;
    y[m] = F::zero();
  }
  for (int64_t col = 0; col < s.w.cols; col += kSpan) {
    const int64_t left = (s.w.cols - col) / kBlock;
    const int blocks = left < kSpanBlocks ? int(left) : kSpanBlocks;
    s.read_header(*s.layout, p, blocks, scale, nullptr, kGroupRows);
    p += header_bytes(*s.layout, blocks);
    for (int b = 0; b < blocks; b++, p += 8 * kLine) {
      const int64_t k = col + b * kBlock;
      F acc[M][sums];
      STRATA_UNROLL for (int m = 0; m < M; m++)
        STRATA_UNROLL for (int i = 0; i < sums; i++) acc[m][i] = F::zero();
      for (int j = 0; j < 8; j++) {
        if constexpr (ahead > 0) __builtin_prefetch(p + j * kLine + ahead, 0, 2);
        F w[4];
        f8_four<mantissa>(p, j, w);
        STRATA_UNROLL for (int i = 0; i < 4; i++)
          STRATA_UNROLL for (int m = 0; m < M; m++)
            acc[m][i % sums] = fma(w[i], F::set1(row[m][k + 4 * j + i]), acc[m][i % sums]);
      }
      STRATA_UNROLL for (int m = 0; m < M; m++) {
        F sum = acc[m][0];
        STRATA_UNROLL for (int i = 1; i < sums; i++) sum = sum + acc[m][i];
        y[m] = fma(sum, F::load(scale + b * 16), y[m]);
      }
    }
  }
  STRATA_UNROLL for (int m = 0; m < M; m++) put(s, g, token + m, y[m]);
}

template <Type type, int M = kFewAtOnce>
static void few_tokens(const Share& s, int64_t g, int token, int n) {
  if (n >= M) {
    if constexpr (type == Type::f8_e4m3) return few_f8_group<3, M>(s, g, token);
    else if constexpr (type == Type::f8_e5m2) return few_f8_group<2, M>(s, g, token);
    else return few_group<type, M>(s, g, token);
  }
  if constexpr (M > 1) few_tokens<type, M - 1>(s, g, token, n);
}

template <Type type> static void few_float(const Share& s) {
  for (int64_t g = s.group_begin; g < s.group_end; g++)
    for (int t = 0; t < s.x.tokens; t += kFewAtOnce) few_tokens<type>(s, g, t, s.x.tokens - t);
}

}  // namespace strata::kernel::STRATA_ISA
#else

namespace strata::kernel {

static thread_local FloatScratch scratch;

void few_float(const Share& share) {
  switch (share.w.type) {
    case Type::f32: return STRATA_PICK(few_float<Type::f32>)(share);
    case Type::f16: return STRATA_PICK(few_float<Type::f16>)(share);
    case Type::bf16: return STRATA_PICK(few_float<Type::bf16>)(share);
    case Type::f8_e4m3: return STRATA_PICK(few_float<Type::f8_e4m3>)(share);
    case Type::f8_e5m2: return STRATA_PICK(few_float<Type::f8_e5m2>)(share);
    default: STRATA_CHECK(false);
  }
}

void many_float(const Share& share) { STRATA_PICK(many_float)(share, scratch); }

void unpack_row(const Share& share, int64_t row, float* out) {
  STRATA_PICK(row_floats)(share, row, scratch, out);
}

}  // namespace strata::kernel
#endif
