#include "kernel/quant/ternary.h"

namespace strata::kernel::quant {
namespace {

/// In each half of 128 values, value 32 j + l takes bits 2j, 2j+1 of byte l of the half's 32 bytes.
struct TQ2_0 {
  uint8_t q[64];
  uint16_t d;

  int code(int i) const { return q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3; }
  void put(const uint8_t* t) {
    for (int i = 0; i < 256; ++i)
      q[i / 128 * 32 + i % 32] |= uint8_t(t[i] << i % 128 / 32 * 2);
  }
};
static_assert(sizeof(TQ2_0) == 66);

const FormatFile file({{"TQ2_0", Type::tq2_0, 35, 37, 256, 66, true},
                       ternary_to_f32<TQ2_0>, ternary_from_f32<TQ2_0>, ternary_packing<TQ2_0>()});

}  // namespace
}  // namespace strata::kernel::quant
