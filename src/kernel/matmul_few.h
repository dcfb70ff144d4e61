// Few tokens: one pass over the packed weights, unpacked in registers. No include guard: once per
// instruction set.
#include "kernel/layout/unpack.h"
#include "kernel/matmul_put.h"
namespace strata::kernel::STRATA_ISA {

/// Tokens at once: for each a running sum and a block's sum live in registers.
static constexpr int kFewAtOnce = kRegisters >= 32 ? kFewTokens : kRegisters >= 8 ? 3 : 1;

/// -(sum of q) over the columns of sub-block `sub` of `subs`.
template <int subs> STRATA_INLINE I negative_sum(const Record& r, int sub) {
  if constexpr (subs == 1) return I::broadcast4(&r.neg_sum);
  const I high = I::broadcast4(&r.neg_sum_hi);
  return sub ? high : sub32(I::broadcast4(&r.neg_sum), high);
}

// 16 rows times M tokens, M records side by side for each block.
template <Type type, int M>
static __attribute__((noinline)) void few_group(const Share& s, int64_t g, int token) {
  constexpr Layout l = layout::layout_of(type);
  constexpr int subs = kBlock / l.sub, steps = 8 / subs;
  constexpr bool small = l.bits < 8 && !l.codebook;
  // Helps when M makes the arithmetic slow enough to leave the hardware prefetcher behind.
  constexpr int ahead = M >= 4 && l.bits < 8 ? 16384 : 0;
  alignas(64) float scale[kSpanBlocks * subs * 16], min[l.min ? kSpanBlocks * subs * 16 : 1];

  const uint8_t* p = s.group(g);
  const Record* x = s.x.records + token;
  const int64_t step = s.x.tokens;
  F y[M];
  STRATA_UNROLL for (int m = 0; m < M; m++) y[m] = F::zero();
  for (int64_t col = 0; col < s.w.cols; col += kSpan) {
    const int64_t left = (s.w.cols - col) / kBlock;
    const int blocks = left < kSpanBlocks ? int(left) : kSpanBlocks;
    Head<l.header>::unpack(p, blocks, scale, min, 16);
    p += header_bytes(l.header, blocks);

    const Record* first = x;
    F f[M];
    STRATA_UNROLL for (int m = 0; m < M; m++) f[m] = F::zero();
    for (int b = 0; b < blocks; b++, x += step, p += l.bits * kLine) {
      if constexpr (ahead > 0)
        STRATA_UNROLL for (int i = 0; i < l.bits; i++) __builtin_prefetch(p + ahead + i * kLine, 0, 2);
      I u[8];
      unpack_block<type>(p, u);
      STRATA_UNROLL for (int sub = 0; sub < subs; sub++) {
        I acc[M];
        STRATA_UNROLL for (int m = 0; m < M; m++) {
          if constexpr (l.min) acc[m] = I::zero();
          else acc[m] = shl32<__builtin_ctz(l.offset | 256)>(negative_sum<subs>(x[m], sub));
        }
        STRATA_UNROLL for (int j = 0; j < steps; j++)
          STRATA_UNROLL for (int m = 0; m < M; m++) {
            const int8_t* q = x[m].q + 4 * (sub * steps + j);
            acc[m] = small ? dot4_small_bcast(acc[m], u[sub * steps + j], q)
                           : dot4_bcast(acc[m], u[sub * steps + j], q);
          }
        const I scales = I::load(scale + (b * subs + sub) * 16);
        STRATA_UNROLL for (int m = 0; m < M; m++) {
          const I exponent = I::broadcast4(&x[m].exponent);
          f[m] = fma(to_f(acc[m]), as_f(add32(scales, exponent)), f[m]);
          if constexpr (l.min) {
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

template <Type type, int M = kFewAtOnce>
static void few_tokens(const Share& s, int64_t g, int token, int n) {
  if (n >= M) return few_group<type, M>(s, g, token);
  if constexpr (M > 1) few_tokens<type, M - 1>(s, g, token, n);
}

template <Type type> static void few(const Share& s) {
  for (int64_t g = s.group_begin; g < s.group_end; g++)
    for (int t = 0; t < s.x.tokens; t += kFewAtOnce)
      few_tokens<type>(s, g, t, s.x.tokens - t);
}

}  // namespace strata::kernel::STRATA_ISA
