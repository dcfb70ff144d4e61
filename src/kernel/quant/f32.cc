#include "kernel/quant/format.h"

namespace strata::kernel::quant {
namespace {

void to_f32(const uint8_t* stored, int64_t blocks, float* out) {
  std::memcpy(out, stored, size_t(blocks) * 4);
}

void from_f32(const float* values, int64_t blocks, uint8_t* stored) {
  std::memcpy(stored, values, size_t(blocks) * 4);
}

const FormatFile file({{"F32", Type::f32, 0, 0, 1, 4, false}, to_f32, from_f32});

}  // namespace
}  // namespace strata::kernel::quant
