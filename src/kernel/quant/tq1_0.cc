#include "kernel/quant/ternary.h"

namespace strata::kernel::quant {
namespace {

/// A byte holds five digits of base 3 (the last four bytes: four), as the fraction byte / 256 whose
/// leading digit belongs to the earliest value: digit n is the integer part of 3 times what the
/// digits before left over. 160 values lie in 32 bytes, value 32 n + l being digit n of byte l; 80
/// in 16 bytes alike; the last 16 in 4.
struct TQ1_0 {
  uint8_t q[52];
  uint16_t d;

  struct Place {
    int byte, digit;
  };
  static Place place(int i) {
    if (i < 160) return {i % 32, i / 32};
    if (i < 240) return {32 + (i - 160) % 16, (i - 160) / 16};
    return {48 + (i - 240) % 4, (i - 240) / 4};
  }
  int code(int i) const {
    static constexpr uint8_t kPower[5] = {1, 3, 9, 27, 81};
    const Place at = place(i);
    return uint8_t(q[at.byte] * kPower[at.digit]) * 3 >> 8;
  }
  void put(const uint8_t* t) {
    static constexpr uint8_t kPower[5] = {81, 27, 9, 3, 1};
    int digits[52] = {};
    for (int i = 0; i < 256; ++i) digits[place(i).byte] += t[i] * kPower[place(i).digit];
    // Rounded up, so that cutting off gives the digits back.
    for (int i = 0; i < 52; ++i) q[i] = uint8_t((digits[i] * 256 + 242) / 243);
  }
};
static_assert(sizeof(TQ1_0) == 54);

const FormatFile file({{"TQ1_0", Type::tq1_0, 34, 36, 256, 54, true},
                       ternary_to_f32<TQ1_0>, ternary_from_f32<TQ1_0>, ternary_packing<TQ1_0>()});

}  // namespace
}  // namespace strata::kernel::quant
