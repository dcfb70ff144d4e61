#include "kernel/quant/iq.h"

namespace strata::kernel::quant {
namespace {

/// For each eight values nine bits of grid entry and seven signs; s of x = d / 8 (2 s + 1) level
/// for each 16 values in a nibble.
struct IQ2_XS {
  uint16_t h;
  uint16_t q[32];
  uint8_t s[8];

  static constexpr int kScales = 16;
  static constexpr const int8_t* kLevels = kIq2Levels;
  float d() const { return half::from_f16(h) / 8; }
  int scale(int i) const { return s[i / 2] >> i % 2 * 4 & 15; }
  void eight(int g, uint8_t* code) const {
    codes_of_entry(kGridIq2Xs[q[g] & 511], even_signs(q[g] >> 9), code);
  }
};
static_assert(sizeof(IQ2_XS) == 74);

const FormatFile file({{"IQ2_XS", Type::iq2_xs, 17, 20, 256, 74, true},
                       iq_to_f32<IQ2_XS>, nullptr,
                       iq_packing<IQ2_XS>(layout::Coding::u3x16_book)});

}  // namespace
}  // namespace strata::kernel::quant
