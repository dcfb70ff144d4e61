#include <algorithm>
#include <cmath>

#include "kernel/quant/format.h"
#include "kernel/quant/fp4.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// x[i] = 2^(e - 128) kFp4Values[q]; nibbles as in Q4_0.
struct MXFP4 {
  uint8_t e;
  uint8_t q[16];
};
static_assert(sizeof(MXFP4) == 17);

// Weights beyond 2^100 are no weights; kernels rely on their absence.
constexpr int kMaxExponent = 228;

float scale_of(int e) { return std::ldexp(1.0f, e - 128); }

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 32) {
    const auto block = read<MXFP4>(stored, b);
    for (int i = 0; i < 32; ++i)
      out[i] = scale_of(block.e) * float(kFp4Values[nibble(block.q, i)]);
  }
}

// The exponent that keeps the largest value below the largest code or the next smaller one, by
// error.
void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 32) {
    float x[32], top = 0;
    for (int i = 0; i < 32; ++i) x[i] = finite(values[i]), top = std::max(top, std::fabs(x[i]));
    MXFP4 best{};
    double best_error = INFINITY;
    const int e = top > 0 ? int(std::floor(std::log2(top))) - 2 + 127 : 0;
    for (int k = e - 1; k <= e + 1; ++k) {
      MXFP4 block{.e = uint8_t(std::clamp(k, 0, kMaxExponent)), .q = {}};
      double error = 0;
      uint8_t q[32];
      for (int i = 0; i < 32; ++i) q[i] = fp4_code(x[i], scale_of(block.e), error);
      put_nibbles(q, block.q);
      if (error < best_error) best = block, best_error = error;
    }
    write(best, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b) nibble_words(span + 17 * b + 1, u[b]);
}

void scales(const uint8_t* span, int blocks, const layout::HeaderRow& to) {
  for (int b = 0; b < blocks; ++b)
    to.byte(b / 4, b % 4, uint8_t(std::min<int>(span[17 * b], kMaxExponent)));
}

const FormatFile file({{"MXFP4", Type::mxfp4, 39, 38, 32, 17, true},
                       to_f32, from_f32,
                       {{layout::Coding::u4_book, layout::Header::power, kFp4Book.value},
                        codes, scales}});

}  // namespace
}  // namespace strata::kernel::quant
