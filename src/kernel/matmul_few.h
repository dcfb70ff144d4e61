// Few tokens: one pass over the packed weights, unpacked in registers. No include guard: once per
// instruction set.
#include "kernel/layout/unpack.h"
#include "kernel/matmul_put.h"
namespace strata::kernel::STRATA_ISA {

/// Tokens at once: for each a running sum and a block's sum live in registers.
static constexpr int kFewAtOnce = kRegisters >= 32 ? kTileTokens : kRegisters >= 8 ? 3 : 1;

/// -(sum of q) over the columns of sub-block `sub` of `subs`.
template <int subs> STRATA_INLINE I negative_sum(const Record& r, int sub) {
  if constexpr (subs == 1) return I::broadcast4(&r.neg_sum);
  const I high = I::broadcast4(&r.neg_sum_hi);
  return sub ? high : sub32(I::broadcast4(&r.neg_sum), high);
}

constexpr int log2(int power) { return power > 1 ? 1 + log2(power / 2) : 0; }

/// Code<4> with the high nibbles left where they are: 16 times the codes, for dot4 alone.
STRATA_INLINE void nibbles_in_place(const uint8_t* p, I (&u)[8]) {
  const I low = I::set1_u8(15), high = I::set1_u8(0xf0);
  STRATA_UNROLL for (int j = 0; j < 4; j++) {
    const I v = line(p, j);
    u[j] = v & low;
    u[4 + j] = v & high;
  }
}

/// The sum of the chains; `high_in_place`: the second half of them is 16 times too large.
template <int chains, bool high_in_place> STRATA_INLINE I total(const I (&acc)[chains]) {
  if constexpr (high_in_place)
    return add32(add32(acc[0], acc[1]), sar32<4>(add32(acc[2], acc[3])));
  I sum = acc[0];
  STRATA_UNROLL for (int i = 1; i < chains; i++) sum = add32(sum, acc[i]);
  return sum;
}

// 16 rows times M tokens of one tile.
template <Coding coding, int M>
static __attribute__((noinline)) void few_group(const Share& s, int64_t g, int token) {
  constexpr Codes c = layout::codes_of(coding);
  constexpr int subs = kBlock / c.sub, steps = 8 / subs;
  constexpr bool small = c.bits < 8 && !c.codebook;
  // Short chains: a core's scheduler holds too few blocks to hide long ones.
  constexpr int chains = M == 1 ? steps / 2 : M == 2 ? 2 : 1;
  constexpr bool high_in_place = M == 1 && c.bits == 4 && small && subs == 1 && kHasInt8Dot;
  // From about three tokens the scheduler fills up with what waits for a line, too early to have
  // asked for enough others. All lines or none: a header left out costs a full miss each span.
  constexpr int ahead = M >= (c.bits < 8 ? 3 : 4) ? 16384 : 0;
  alignas(64) float scale[kSpanBlocks * subs * 16], min[c.min ? kSpanBlocks * subs * 16 : 1];

  const uint8_t* p = s.group(g);
  const I book = codebook<coding>(*s.layout);
  const int first_of_tile = token / kTileTokens * kTileTokens, after = s.x.tokens - first_of_tile;
  const int step = after < kTileTokens ? after : kTileTokens;
  const Record* x = s.x.records + record_offset(s.w.cols, first_of_tile) + (token - first_of_tile);
  F y[M];
  STRATA_UNROLL for (int m = 0; m < M; m++) y[m] = F::zero();
  for (int64_t col = 0; col < s.w.cols; col += kSpan) {
    const int64_t left = (s.w.cols - col) / kBlock;
    const int blocks = left < kSpanBlocks ? int(left) : kSpanBlocks;
    const size_t header = header_bytes(*s.layout, blocks);
    if constexpr (ahead > 0)
      for (size_t i = 0; i < header; i += kLine) __builtin_prefetch(p + ahead + i, 0, 2);
    s.read_header(*s.layout, p, blocks, scale, min, kGroupRows);
    p += header;

    const Record* first = x;
    F f[M];
    STRATA_UNROLL for (int m = 0; m < M; m++) f[m] = F::zero();
    for (int b = 0; b < blocks; b++, x += step, p += c.bits * kLine) {
      if constexpr (ahead > 0)
        STRATA_UNROLL for (int i = 0; i < c.bits; i++)
          __builtin_prefetch(p + ahead + i * kLine, 0, 2);
      I u[8];
      if constexpr (high_in_place) nibbles_in_place(p, u);
      else unpack_block<coding>(p, book, u);
      STRATA_UNROLL for (int sub = 0; sub < subs; sub++) {
        I acc[M][chains];
        STRATA_UNROLL for (int m = 0; m < M; m++) {
          acc[m][0] = I::zero();
          if constexpr (!c.min) acc[m][0] = shl32<log2(c.offset)>(negative_sum<subs>(x[m], sub));
          STRATA_UNROLL for (int i = 1; i < chains; i++) acc[m][i] = I::zero();
        }
        STRATA_UNROLL for (int j = 0; j < steps; j++)
          STRATA_UNROLL for (int m = 0; m < M; m++) {
            const int8_t* q = x[m].q + 4 * (sub * steps + j);
            I& a = acc[m][j * chains / steps];
            a = small && !high_in_place ? dot4_small_bcast(a, u[sub * steps + j], q)
                                        : dot4_bcast(a, u[sub * steps + j], q);
          }
        STRATA_UNROLL for (int m = 0; m < M; m++) acc[m][0] = total<chains, high_in_place>(acc[m]);
        const I scales = I::load(scale + (b * subs + sub) * 16);
        STRATA_UNROLL for (int m = 0; m < M; m++) {
          const I exponent = I::broadcast4(&x[m].exponent);
          f[m] = fma(to_f(acc[m][0]), as_f(add32(scales, exponent)), f[m]);
          if constexpr (c.min) {
            const F sum = as_f(add32(as_i(to_f(negative_sum<subs>(x[m], sub))), exponent));
            f[m] = fma(sum, F::load(min + (b * subs + sub) * 16), f[m]);
          }
        }
      }
    }
    STRATA_UNROLL for (int m = 0; m < M; m++) y[m] = fma(f[m], F::set1(first[m].scale), y[m]);
  }
  STRATA_UNROLL for (int m = 0; m < M; m++) put(s, g, token + m, y[m]);
}

template <Coding coding, int M = kFewAtOnce>
static void few_tokens(const Share& s, int64_t g, int token, int n) {
  if (n >= M) return few_group<coding, M>(s, g, token);
  if constexpr (M > 1) few_tokens<coding, M - 1>(s, g, token, n);
}

template <Coding coding> static void few(const Share& s) {
  for (int64_t g = s.group_begin; g < s.group_end; g++)
    for (int t = 0; t < s.x.tokens; t += kFewAtOnce)
      few_tokens<coding>(s, g, t, s.x.tokens - t);
}

}  // namespace strata::kernel::STRATA_ISA
