#include "kernel/quant/format.h"
#include "kernel/quant_search.h"

namespace strata::kernel::quant {
namespace {

/// x[i] = d q[i], d in f32: 8-bit weights with a scale a row (W8A8) or a group, as repack.h writes
/// them.
struct I8 {
  float d;
  int8_t q[64];
};
static_assert(sizeof(I8) == 68);

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t b = 0; b < blocks; ++b, out += 64) {
    const auto block = read<I8>(stored, b);
    for (int i = 0; i < 64; ++i) out[i] = block.d * block.q[i];
  }
}

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t b = 0; b < blocks; ++b, values += 64) {
    I8 block;
    block.d = quantise_i8(values, 64, block.q);
    write(block, stored, b);
  }
}

void codes(const uint8_t* span, int blocks, uint32_t (*u)[8]) {
  for (int b = 0; b < blocks; ++b)
    for (int j = 0; j < 8; ++j)
      u[b][j] = word(span + 68 * (b / 2) + 4 + 32 * (b % 2), j) ^ bytes(0x80);
}

void scales(const uint8_t* span, int blocks, const layout::HeaderRow& to) {
  for (int i = 0; i < (blocks + 1) / 2; ++i) to.f32(i, read<I8>(span, i).d);
}

const FormatFile file(
    {{"I8_64", Type::i8, 1000, 1000, 64, 68, true},
     to_f32,
     from_f32,
     {{.coding = layout::Coding::u8, .header = layout::Header::wide, .scales = 4}, codes, scales}});

}  // namespace
}  // namespace strata::kernel::quant
