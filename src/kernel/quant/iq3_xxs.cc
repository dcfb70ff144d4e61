#include "kernel/quant/iq.h"

namespace strata::kernel::quant {
namespace {

/// For each four values eight bits of grid entry; for each 32 a word of four times seven signs and,
/// on top, s of x = d / 4 (2 s + 1) level.
struct IQ3_XXS {
  uint16_t h;
  uint8_t q[64];
  uint8_t sign[32];

  static constexpr int kScales = 8;
  static constexpr int8_t kLevels[16] = {4,  12,  20,  28,  36,  44,  52,  62,
                                         -4, -12, -20, -28, -36, -44, -52, -62};
  float d() const { return half::from_f16(h) / 4; }
  int scale(int i) const { return int(word(sign, i) >> 28); }
  void eight(int g, uint8_t* code) const {
    codes_of_entries(kGridIq3Xxs[q[2 * g]], kGridIq3Xxs[q[2 * g + 1]],
                     even_signs(word(sign, g / 4) >> 7 * (g % 4)), code);
  }
};
static_assert(sizeof(IQ3_XXS) == 98);

const FormatFile file({{"IQ3_XXS", Type::iq3_xxs, 18, 23, 256, 98, true},
                       iq_to_f32<IQ3_XXS>, nullptr,
                       iq_packing<IQ3_XXS>(layout::Coding::u4_book)});

}  // namespace
}  // namespace strata::kernel::quant
