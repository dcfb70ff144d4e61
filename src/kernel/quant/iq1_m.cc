#include "kernel/quant/iq.h"

namespace strata::kernel::quant {
namespace {

/// As IQ1_S, with delta's sign for each eight values: a nibble of `high` has it above an entry's
/// top three bits. Sixteen s of three bits each lie in four words, whose top nibbles make up d.
struct IQ1_M {
  uint8_t q[32], high[16];
  uint16_t s[4];

  static constexpr int kScales = 16;
  static constexpr const int8_t* kLevels = kIq1Levels;
  float d() const {
    uint16_t h = 0;
    for (int i = 0; i < 4; ++i) h = uint16_t(h | s[i] >> 12 << 4 * i);
    return half::from_f16(h) / 8;
  }
  int scale(int i) const { return s[i / 4] >> i % 4 * 3 & 7; }
  void eight(int g, uint8_t* code) const {
    const int nibble = high[g / 2] >> g % 2 * 4;
    codes_of_entry(kGridIq1[q[g] | (nibble & 7) << 8], nibble & 8 ? 255 : 0, code);
  }
};
static_assert(sizeof(IQ1_M) == 56);

const FormatFile file({{"IQ1_M", Type::iq1_m, 29, 31, 256, 56, true},
                       iq_to_f32<IQ1_M>, nullptr,
                       iq_packing<IQ1_M>(layout::Coding::u3x16_book)});

}  // namespace
}  // namespace strata::kernel::quant
