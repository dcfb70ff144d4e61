// The bytes of GGUF's block formats. A block holds 32 or 256 consecutive values of a row; `d`, `m`
// and `d_min` are f16. All integers are little-endian, nothing is padded.
#pragma once
#include <cstdint>

namespace strata::kernel::quant {

/// x[i] = d q[i]
struct Q8_0 {
  uint16_t d;
  int8_t q[32];
};

/// x[i] = d (q - 8); q of value i < 16 is the low nibble of byte i, of value 16 + i the high one.
struct Q4_0 {
  uint16_t d;
  uint8_t q[16];
};

/// x[i] = d q + m; nibbles as in Q4_0.
struct Q4_1 {
  uint16_t d, m;
  uint8_t q[16];
};

/// x[i] = d (q - 16); low four bits as in Q4_0, the fifth is bit i of `high` (bit 0 of byte 0 is
/// the first).
struct Q5_0 {
  uint16_t d;
  uint8_t high[4];
  uint8_t q[16];
};

/// x[i] = d q + m; bits as in Q5_0.
struct Q5_1 {
  uint16_t d, m;
  uint8_t high[4];
  uint8_t q[16];
};

/// 16 groups of 16: x = d (scale & 15) q - d_min (scale >> 4). In each half of 128 values, value
/// 32 j + l takes bits 2j, 2j+1 of byte l of the half's 32 bytes.
struct Q2_K {
  uint8_t scale[16];
  uint8_t q[64];
  uint16_t d, d_min;
};

/// 16 groups of 16: x = d (scale - 32) (q - 4). Low two bits as in Q2_K; the third, of value
/// 32 s + l of the block, is bit s of high[l]. Six-bit scales: low four bits of scale s are nibble
/// s / 8 of byte s % 8; the top two are bits 2 (s / 4) of byte 8 + s % 4.
struct Q3_K {
  uint8_t high[32];
  uint8_t q[64];
  uint8_t scale[12];
  uint16_t d;
};

/// 8 groups of 32: x = d scale q - d_min min; scales and minima as scale_min.h says. Each 32 bytes
/// hold two groups: the even one in the low nibbles, the odd one in the high nibbles.
struct Q4_K {
  uint16_t d, d_min;
  uint8_t scale[12];
  uint8_t q[128];
};

/// As Q4_K; the fifth bit of value l of group s is bit s of high[l].
struct Q5_K {
  uint16_t d, d_min;
  uint8_t scale[12];
  uint8_t high[32];
  uint8_t q[128];
};

/// 16 groups of 16: x = d scale (q - 32). In each half of 128 values, value 32 j + l takes its low
/// four bits from nibble j / 2 of byte 32 (j % 2) + l of the half's 64 bytes of `low`, and its top
/// two from bits 2j of byte l of the half's 32 bytes of `high`.
struct Q6_K {
  uint8_t low[128];
  uint8_t high[64];
  int8_t scale[16];
  uint16_t d;
};

/// x[i] = d kIq4Values[q]; nibbles as in Q4_0.
struct IQ4_NL {
  uint16_t d;
  uint8_t q[16];
};

/// 8 groups of 32: x = d (scale - 32) kIq4Values[q]; a group's 16 bytes as in IQ4_NL. Six-bit
/// scales: the low four bits of scale s are nibble s % 2 of scale_low[s / 2], the top two are bits
/// 2s and 2s + 1 of scale_high.
struct IQ4_XS {
  uint16_t d;
  uint16_t scale_high;
  uint8_t scale_low[4];
  uint8_t q[128];
};

/// The 16 levels of the non-linear four-bit formats, ascending.
inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

static_assert(sizeof(Q8_0) == 34 && sizeof(Q4_0) == 18 && sizeof(Q4_1) == 20);
static_assert(sizeof(Q5_0) == 22 && sizeof(Q5_1) == 24 && sizeof(Q2_K) == 84);
static_assert(sizeof(Q3_K) == 110 && sizeof(Q4_K) == 144 && sizeof(Q5_K) == 176);
static_assert(sizeof(Q6_K) == 210 && sizeof(IQ4_NL) == 18 && sizeof(IQ4_XS) == 136);

}  // namespace strata::kernel::quant
