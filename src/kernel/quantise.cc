#include "kernel/matmul.h"
#define STRATA_KERNEL "kernel/quantise.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {

static constexpr int kBlock = 32, kSpanBlocks = 8;
static constexpr uint32_t kMaxStep = 24;            // 2^-24 below the span's maximum all is zero
static constexpr uint32_t kInfinity = 0x7f800000;
static constexpr uint32_t kTiny = (127u - 90) << 23;   // 2^-90: below, 127 / maximum would overflow

/// The bits of the largest magnitude of 32 floats; infinity's if one is not finite. Magnitudes
/// compare as integers.
STRATA_INLINE uint32_t max_bits(const float* x) {
  const I sign = I::set1(int32_t(0x80000000));
  const I a = andnot(sign, as_i(F::load(x))), b = andnot(sign, as_i(F::load(x + 16)));
  // NaN becomes infinity, which unlike NaN survives the float maximum.
  return half::as_bits(reduce_max(as_f(min32(max32(a, b), I::set1(int32_t(kInfinity))))));
}

// x[i] = q[i] * d * 2^-e with d = max |x| / 127 of 256 columns and e the largest with which the
// block's maximum does not pass 127.
static void quantise_span(const float* x, int blocks, Record* out, int step) {
  uint32_t bits[kSpanBlocks], top = 0;
  for (int b = 0; b < blocks; b++) {
    bits[b] = max_bits(x + b * kBlock);
    top = bits[b] > top ? bits[b] : top;
  }
  alignas(64) float finite[kSpanBlocks * kBlock];
  if (top == kInfinity) {
    top = 0;
    for (int b = 0; b < blocks; b++) {
      for (int i = b * kBlock; i < (b + 1) * kBlock; i += 16) {
        const F v = F::load(x + i);
        select(lt(abs(v), F::set1(half::as_float(kInfinity))), v, F::zero()).store(finite + i);
      }
      bits[b] = max_bits(finite + b * kBlock);
      top = bits[b] > top ? bits[b] : top;
    }
    x = finite;
  }
  const bool zero = top < kTiny;
  const float max = half::as_float(top), inverse = zero ? 0 : 127 / max;
  const float scale = zero ? 0 : max * (1 / 127.0f) * 0x1p-24f;
  for (int b = 0; b < blocks; b++, out += step) {
    // The difference of float bits is floor(log2(max / block max)) in the exponent's place.
    uint32_t e = (top - bits[b]) >> 23;
    e = zero ? 0 : e < kMaxStep ? e : kMaxStep;
    const F up = F::set1(half::as_float(half::as_bits(inverse) + (zero ? 0 : e << 23)));
    const I low = round_i(F::load(x + b * kBlock) * up);
    const I high = round_i(F::load(x + b * kBlock + 16) * up);
    store_s8(low, out->q);
    store_s8(high, out->q + 16);
    // Both sums in one reduction: they fit 16 bits.
    const int32_t sums = reduce_add(add32(low, shl32<16>(high)));
    const int32_t sum_low = int16_t(sums), sum_high = (sums - sum_low) >> 16;
    out->neg_sum = -(sum_low + sum_high);
    out->neg_sum_hi = -sum_high;
    out->exponent = (kMaxStep - e) << 23;
    out->scale = scale;
  }
}

static void quantise(const float* x, int64_t stride, int64_t cols, int tokens, Record* out) {
  const int64_t row_blocks = cols / kBlock;
  for (int64_t b = 0; b < row_blocks; b += kSpanBlocks) {
    const int blocks = row_blocks - b < kSpanBlocks ? int(row_blocks - b) : kSpanBlocks;
    for (int t = 0; t < tokens; t++)
      quantise_span(x + t * stride + b * kBlock, blocks, out + b * tokens + t, tokens);
  }
}

}  // namespace strata::kernel::STRATA_ISA
#else

namespace strata::kernel {

void quantise_tile(const float* x, int64_t stride, int64_t cols, int tokens, Record* out) {
  STRATA_PICK(quantise)(x, stride, cols, tokens, out);
}

}  // namespace strata::kernel
#endif
