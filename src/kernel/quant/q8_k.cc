#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// x[i] = d q[i], d in f32. `sum` has the sums of 16 neighbouring q, which nothing here needs.
struct Q8_K {
  float d;
  int8_t q[256];
  int16_t sum[16];
};
static_assert(sizeof(Q8_K) == 292);

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 256) {
    const auto block = read<Q8_K>(stored, b);
    for (int i = 0; i < 256; ++i) out[i] = block.d * block.q[i];
  }
}

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 256) {
    Q8_K block{};
    block.d = quantise_i8(values, 256, block.q);
    for (int i = 0; i < 256; ++i) block.sum[i / 16] = int16_t(block.sum[i / 16] + block.q[i]);
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b)
    for (int j = 0; j < 8; ++j) u[b][j] = word(span + 4 + 32 * b, j) ^ bytes(0x80);
}

void scales(const uint8_t* span, int, const layout::HeaderRow& to) {
  to.f32(0, read<Q8_K>(span, 0).d);
}

const FormatFile file(
    {{"Q8_K", Type::q8_k, 15, 7, 256, 292, true},
     to_f32,
     from_f32,
     {{.coding = layout::Coding::u8, .header = layout::Header::wide, .scales = 1}, codes, scales}});

}  // namespace
}  // namespace strata::kernel::quant
