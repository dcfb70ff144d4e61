#include "kernel/quant/format.h"

namespace strata::kernel::quant {
namespace {

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  for (int64_t i = 0; i < blocks; ++i) out[i] = half::from_bf16(read<uint16_t>(stored, i));
}

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  for (int64_t i = 0; i < blocks; ++i) write(half::to_bf16(values[i]), stored, i);
}

const FormatFile file({{"BF16", Type::bf16, 30, 32, 1, 2, false}, to_f32, from_f32});

}  // namespace
}  // namespace strata::kernel::quant
