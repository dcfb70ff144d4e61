#include "kernel/quant/iq.h"

namespace strata::kernel::quant {
namespace {

/// For each four values nine bits of grid entry, the top one in `high`, and signs; s of
/// x = d (2 s + 1) level for each 32 in a nibble.
struct IQ3_S {
  uint16_t h;
  uint8_t q[64], high[8], sign[32], s[4];

  static constexpr int kScales = 8;
  static constexpr int8_t kLevels[16] = {1,  3,  5,  7,  9,  11,  13,  15,
                                         -1, -3, -5, -7, -9, -11, -13, -15};
  float d() const { return half::from_f16(h); }
  int scale(int i) const { return s[i / 2] >> i % 2 * 4 & 15; }
  uint16_t entry(int i) const { return kGridIq3S[q[i] | (high[i / 8] >> i % 8 & 1) << 8]; }
  void eight(int g, uint8_t* code) const {
    codes_of_entries(entry(2 * g), entry(2 * g + 1), sign[g], code);
  }
};
static_assert(sizeof(IQ3_S) == 110);

const FormatFile file({{"IQ3_S", Type::iq3_s, 21, 26, 256, 110, true},
                       iq_to_f32<IQ3_S>, nullptr,
                       iq_packing<IQ3_S>(layout::Coding::u4_book)});

}  // namespace
}  // namespace strata::kernel::quant
