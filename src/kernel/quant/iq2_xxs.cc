#include "kernel/quant/iq.h"

namespace strata::kernel::quant {
namespace {

/// Eight groups of 32 values, eight bytes each: four grid entries of 8 bits, then a word of four
/// times seven signs and, on top, s of x = d / 8 (2 s + 1) level.
struct IQ2_XXS {
  uint16_t h;
  uint8_t q[64];

  static constexpr int kScales = 8;
  static constexpr const int8_t* kLevels = kIq2Levels;
  float d() const { return half::from_f16(h) / 8; }
  int scale(int i) const { return int(word(q, 2 * i + 1) >> 28); }
  void eight(int g, uint8_t* code) const {
    const uint8_t* group = q + g / 4 * 8;
    codes_of_entry(kGridIq2Xxs[group[g % 4]], even_signs(word(group, 1) >> 7 * (g % 4)), code);
  }
};
static_assert(sizeof(IQ2_XXS) == 66);

const FormatFile file({{"IQ2_XXS", Type::iq2_xxs, 16, 19, 256, 66, true},
                       iq_to_f32<IQ2_XXS>, nullptr,
                       iq_packing<IQ2_XXS>(layout::Coding::u3x16_book)});

}  // namespace
}  // namespace strata::kernel::quant
