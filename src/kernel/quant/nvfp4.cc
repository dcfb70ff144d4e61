#include <algorithm>
#include <cmath>

#include "kernel/quant/f8.h"
#include "kernel/quant/format.h"
#include "kernel/quant/fp4.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// Four groups of 16: x[i] = s / 2 kFp4Values[q], s an E4M3 number without sign; q of value i < 8
/// of a group is the low nibble of its byte i, of value 8 + i the high one.
struct NVFP4 {
  uint8_t s[4];
  uint8_t q[32];
};
static_assert(sizeof(NVFP4) == 36);

constexpr uint8_t kNotANumber = 0x7f;
uint8_t number(uint8_t s) { return s == kNotANumber ? 0 : s & 0x7f; }
float scale_of(uint8_t s) { return from_e4m3(number(s)) / 2; }
int code_of(const NVFP4& b, int i) {
  return b.q[i / 16 * 8 + i % 8] >> i % 16 / 8 * 4 & 15;
}

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 64) {
    const auto block = read<NVFP4>(stored, b);
    for (int i = 0; i < 64; ++i)
      out[i] = scale_of(block.s[i / 16]) * float(kFp4Values[code_of(block, i)]);
  }
}

// The scale that the largest value asks for, or a neighbour, by error.
void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  constexpr int kNeighbours = 3;
  for (int64_t b = 0; b < blocks; ++b) {
    NVFP4 block{};
    for (int g = 0; g < 4; ++g, values += 16) {
      float x[16], top = 0;
      for (int i = 0; i < 16; ++i) x[i] = finite(values[i]), top = std::max(top, std::fabs(x[i]));
      const int s = to_e4m3(top / 6);
      double best = INFINITY;
      for (int k = std::max(s - kNeighbours, 0); k <= std::min(s + kNeighbours, 0x7e); ++k) {
        double error = 0;
        uint8_t q[16];
        for (int i = 0; i < 16; ++i) q[i] = fp4_code(x[i], scale_of(uint8_t(k)), error);
        if (error >= best) continue;
        best = error;
        block.s[g] = uint8_t(k);
        for (int i = 0; i < 8; ++i) block.q[8 * g + i] = uint8_t(q[i] | q[8 + i] << 4);
      }
    }
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b) {
    const auto block = read<NVFP4>(span, b / 2);
    uint8_t c[32];
    for (int i = 0; i < 32; ++i) c[i] = uint8_t(code_of(block, b % 2 * 32 + i));
    std::memcpy(u[b], c, 32);
  }
}

void scales(const uint8_t* span, int blocks, const layout::HeaderRow& to) {
  to.f32(0, 0.5f);
  for (int i = 0; i < 2 * blocks; ++i) {
    const auto block = read<NVFP4>(span, i / 4);
    to.byte(1 + i / 4, i % 4, number(block.s[i % 4]));
  }
}

const FormatFile file({{"NVFP4", Type::nvfp4, 40, 39, 64, 36, true},
                       to_f32, from_f32,
                       {{layout::Coding::u4x16_book, layout::Header::e4m3, kFp4Book.value, 16},
                        codes, scales}});

}  // namespace
}  // namespace strata::kernel::quant
