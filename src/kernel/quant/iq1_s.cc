#include "kernel/quant/iq.h"

namespace strata::kernel::quant {
namespace {

/// For each eight values eleven bits of grid entry; for each 32 a word with their top three bits,
/// then s in three bits, then the sign of delta = 1 / 8: x = d (2 s + 1) (entry + delta), entries
/// -1, 0, 1.
struct IQ1_S {
  uint16_t h;
  uint8_t q[32];
  uint16_t high[8];

  static constexpr int kScales = 8;
  static constexpr const int8_t* kLevels = kIq1Levels;
  float d() const { return half::from_f16(h) / 8; }
  int scale(int i) const { return high[i] >> 12 & 7; }
  void eight(int g, uint8_t* code) const {
    const int top = high[g / 4] >> g % 4 * 3 & 7;
    codes_of_entry(kGridIq1[q[g] | top << 8], high[g / 4] >> 15 ? 255 : 0, code);
  }
};
static_assert(sizeof(IQ1_S) == 50);

const FormatFile file({{"IQ1_S", Type::iq1_s, 19, 24, 256, 50, true},
                       iq_to_f32<IQ1_S>, nullptr,
                       iq_packing<IQ1_S>(layout::Coding::u3x16_book)});

}  // namespace
}  // namespace strata::kernel::quant
