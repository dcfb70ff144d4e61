#include "kernel/quant/iq.h"

namespace strata::kernel::quant {
namespace {

/// For each eight values ten bits of grid entry, the top two in `high`, and eight signs; scales as
/// in IQ2_XS.
struct IQ2_S {
  uint16_t h;
  uint8_t q[32], sign[32], high[8], s[8];

  static constexpr int kScales = 16;
  static constexpr const int8_t* kLevels = kIq2Levels;
  float d() const { return half::from_f16(h) / 8; }
  int scale(int i) const { return s[i / 2] >> i % 2 * 4 & 15; }
  void eight(int g, uint8_t* code) const {
    const int entry = q[g] | (high[g / 4] >> g % 4 * 2 & 3) << 8;
    codes_of_entry(kGridIq2S[entry], sign[g], code);
  }
};
static_assert(sizeof(IQ2_S) == 82);

const FormatFile file({{"IQ2_S", Type::iq2_s, 22, 28, 256, 82, true},
                       iq_to_f32<IQ2_S>, nullptr,
                       iq_packing<IQ2_S>(layout::Coding::u3x16_book)});

}  // namespace
}  // namespace strata::kernel::quant
