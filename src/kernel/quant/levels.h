// What the codes of formats with a codebook stand for.
#pragma once
#include <cstdint>

namespace strata::kernel::quant {

/// The 16 levels of the non-linear four-bit formats, ascending.
inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

/// Levels plus 128 for the first `count` codes, as packed codes are unsigned.
struct Codebook {
  alignas(16) uint8_t value[16] = {};
  constexpr Codebook(const int8_t* level, int count) {
    for (int i = 0; i < count; ++i) value[i] = uint8_t(level[i] + 128);
  }
};

inline constexpr Codebook kIq4Book(kIq4Values, 16);

}  // namespace strata::kernel::quant
