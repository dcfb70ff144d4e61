// The vector types of kernels, in plain C++: the contract that every other vec_*.h keeps.
//
// A vector is always 16 lanes of 32 bits whatever the instruction set (one AVX-512 register, two of
// AVX2, four of NEON), so one kernel source has the same lane structure, and nearly the same bits,
// everywhere. F holds 16 floats; I holds 64 bytes seen as 16 int32 or 64 bytes; M is a lane mask.
// Loads and stores need no alignment. n counts lanes, 0 <= n <= 16.
//
//   kRegisters            how many such vectors fit the register file
//   kHasInt8Dot           dot4, for all u8, is one instruction a register
//   kHasBf16Dot           so is dot2_bf16
//   min max               a if a < b (a > b), else b: NaN in either gives b
//   round round_i         to nearest even; round_i is unspecified (no trap) outside int32
//   fma fnma              a * b + c, c - a * b; one rounding where the hardware has it
//   load_once             I::load, in program order and never repeated: for streams from memory,
//                         whose prefetcher wants lines touched in ascending order
//   select(m, a, b)       m ? a : b
//   reduce_add            ((i + i+8) + (+4)) + (+2)) + (+1): the same order at every level
//   scale_exp2(x, n)      x * 2^n, rounded once, |n| <= 252
//   exp                   within 2 ulp; underflows gradually to 0, overflows to infinity, keeps NaN
//   tanh                  within 2 ulp
//   andnot(a, b)          ~a & b;   or_and(a, b, c): a | (b & c)
//   shl8 shr8             logical shift of each byte
//   dot4(acc, u8, s8)     each int32 lane += 4 products of its bytes, exact for all inputs
//   dot4_small            the same for u8 <= 127, cheaper where there is no dot instruction
//   *_bcast               the second factor is 4 (bf16: 2 x 2) bytes, the same for all lanes
//   lookup16(t, i)        each byte of i (< 16) replaced by that byte of the table
//                         t = I::broadcast16(16 bytes)
//   pack_bf16(a, b)       32 bf16 in memory order a then b; subnormals may become 0
//   dot2_bf16(acc, w, x)  each float lane += 2 products of its bf16 halves
//   store_s8              16 int32 saturated to 16 bytes
//
// A kernel may hold the register-tile in an array (F acc[6]) if its loops carry STRATA_UNROLL.
#pragma once

namespace strata::kernel::scalar {

static constexpr int kRegisters = 4;
static constexpr bool kHasBf16Dot = false;
static constexpr bool kHasInt8Dot = false;

#define STRATA_LANES for (int i = 0; i < 16; ++i)

// ---- types

struct M {
  int32_t v[16];   // -1 or 0
  STRATA_INLINE M first(int n) {
    M m;
    STRATA_LANES m.v[i] = i < n ? -1 : 0;
    return m;
  }
};

struct F {
  float v[16];
  STRATA_INLINE F set1(float f) {
    F r;
    STRATA_LANES r.v[i] = f;
    return r;
  }
  STRATA_INLINE F zero() { return set1(0); }
  STRATA_INLINE F load(const float* p) {
    F r;
    STRATA_LANES r.v[i] = p[i];
    return r;
  }
  STRATA_INLINE F load(const float* p, int n) {
    F r;
    STRATA_LANES r.v[i] = i < n ? p[i] : 0;
    return r;
  }
  STRATA_INLINE F load_f16(const uint16_t* p) {
    F r;
    STRATA_LANES r.v[i] = half::from_f16(p[i]);
    return r;
  }
  STRATA_INLINE F load_bf16(const uint16_t* p) {
    F r;
    STRATA_LANES r.v[i] = half::from_bf16(p[i]);
    return r;
  }
  STRATA_METHOD void store(float* p) const { STRATA_LANES p[i] = v[i]; }
  STRATA_METHOD void store(float* p, int n) const {
    for (int i = 0; i < n; ++i) p[i] = v[i];
  }
  STRATA_METHOD void store_f16(uint16_t* p) const { STRATA_LANES p[i] = half::to_f16(v[i]); }
  STRATA_METHOD void store_bf16(uint16_t* p) const { STRATA_LANES p[i] = half::to_bf16(v[i]); }
};

struct I {
  int32_t v[16];
  STRATA_INLINE I set1(int32_t x) {
    I r;
    STRATA_LANES r.v[i] = x;
    return r;
  }
  STRATA_INLINE I zero() { return set1(0); }
  STRATA_INLINE I set1_u8(uint8_t x) { return set1(int32_t(x * 0x01010101u)); }
  STRATA_INLINE I iota() {
    I r;
    STRATA_LANES r.v[i] = i;
    return r;
  }
  STRATA_INLINE I load(const void* p) {
    I r;
    __builtin_memcpy(r.v, p, 64);
    return r;
  }
  STRATA_INLINE I load_once(const void* p) { return load(p); }
  STRATA_INLINE I broadcast4(const void* p) {
    int32_t x;
    __builtin_memcpy(&x, p, 4);
    return set1(x);
  }
  STRATA_INLINE I broadcast16(const void* p) {
    I r;
    for (int i = 0; i < 4; ++i) __builtin_memcpy(r.v + 4 * i, p, 16);
    return r;
  }
  STRATA_METHOD void store(void* p) const { __builtin_memcpy(p, v, 64); }
};

// Bytes of a lane, little-endian; the arithmetic of lanes is unsigned because it may wrap.
STRATA_INLINE uint8_t byte(int32_t lane, int b) { return uint8_t(uint32_t(lane) >> (8 * b)); }

// ---- floats

#define STRATA_MAP(type, expression) \
  { type r; STRATA_LANES r.v[i] = expression; return r; }
STRATA_INLINE F operator+(F a, F b) STRATA_MAP(F, a.v[i] + b.v[i])
STRATA_INLINE F operator-(F a, F b) STRATA_MAP(F, a.v[i] - b.v[i])
STRATA_INLINE F operator*(F a, F b) STRATA_MAP(F, a.v[i] * b.v[i])
STRATA_INLINE F operator/(F a, F b) STRATA_MAP(F, a.v[i] / b.v[i])
STRATA_INLINE F fma(F a, F b, F c) STRATA_MAP(F, a.v[i] * b.v[i] + c.v[i])
STRATA_INLINE F fnma(F a, F b, F c) STRATA_MAP(F, c.v[i] - a.v[i] * b.v[i])
STRATA_INLINE F min(F a, F b) STRATA_MAP(F, a.v[i] < b.v[i] ? a.v[i] : b.v[i])
STRATA_INLINE F max(F a, F b) STRATA_MAP(F, a.v[i] > b.v[i] ? a.v[i] : b.v[i])
STRATA_INLINE F abs(F a) STRATA_MAP(F, __builtin_fabsf(a.v[i]))
STRATA_INLINE F neg(F a) STRATA_MAP(F, -a.v[i])
STRATA_INLINE F sqrt(F a) STRATA_MAP(F, __builtin_sqrtf(a.v[i]))
// Adding and taking away 2^23 rounds to an integer; larger values are integers already.
STRATA_INLINE float round1(float x) {
  const float a = __builtin_fabsf(x);
  return a < 0x1p23f ? __builtin_copysignf((a + 0x1p23f) - 0x1p23f, x) : x;
}
STRATA_INLINE F round(F a) STRATA_MAP(F, round1(a.v[i]))
STRATA_INLINE F floor(F a) STRATA_MAP(F, round1(a.v[i]) - (round1(a.v[i]) > a.v[i] ? 1.0f : 0.0f))
STRATA_INLINE I round_i(F a)
    STRATA_MAP(I, __builtin_fabsf(a.v[i]) < 0x1p31f ? int32_t(round1(a.v[i])) : INT32_MIN)
STRATA_INLINE F to_f(I a) STRATA_MAP(F, float(a.v[i]))
STRATA_INLINE I as_i(F a) STRATA_MAP(I, __builtin_bit_cast(int32_t, a.v[i]))
STRATA_INLINE F as_f(I a) STRATA_MAP(F, __builtin_bit_cast(float, a.v[i]))

STRATA_INLINE M lt(F a, F b) STRATA_MAP(M, -(a.v[i] < b.v[i]))
STRATA_INLINE M le(F a, F b) STRATA_MAP(M, -(a.v[i] <= b.v[i]))
STRATA_INLINE M gt(F a, F b) STRATA_MAP(M, -(a.v[i] > b.v[i]))
STRATA_INLINE M ge(F a, F b) STRATA_MAP(M, -(a.v[i] >= b.v[i]))
STRATA_INLINE M eq(F a, F b) STRATA_MAP(M, -(a.v[i] == b.v[i]))
STRATA_INLINE M operator&(M a, M b) STRATA_MAP(M, a.v[i] & b.v[i])
STRATA_INLINE M operator|(M a, M b) STRATA_MAP(M, a.v[i] | b.v[i])
STRATA_INLINE bool any(M m) {
  int32_t all = 0;
  STRATA_LANES all |= m.v[i];
  return all != 0;
}
STRATA_INLINE F select(M m, F a, F b) STRATA_MAP(F, m.v[i] ? a.v[i] : b.v[i])

STRATA_INLINE float reduce_add(F a) {
  for (int n = 8; n >= 1; n /= 2)
    for (int i = 0; i < n; ++i) a.v[i] += a.v[i + n];
  return a.v[0];
}
STRATA_INLINE float reduce_max(F a) {
  for (int n = 8; n >= 1; n /= 2)
    for (int i = 0; i < n; ++i) a.v[i] = a.v[i] > a.v[i + n] ? a.v[i] : a.v[i + n];
  return a.v[0];
}

// ---- bits and integers

STRATA_INLINE I operator&(I a, I b) STRATA_MAP(I, a.v[i] & b.v[i])
STRATA_INLINE I operator|(I a, I b) STRATA_MAP(I, a.v[i] | b.v[i])
STRATA_INLINE I operator^(I a, I b) STRATA_MAP(I, a.v[i] ^ b.v[i])
STRATA_INLINE I andnot(I a, I b) STRATA_MAP(I, ~a.v[i] & b.v[i])
STRATA_INLINE I or_and(I a, I b, I c) STRATA_MAP(I, a.v[i] | (b.v[i] & c.v[i]))
template <int n> STRATA_INLINE I shl32(I a) STRATA_MAP(I, int32_t(uint32_t(a.v[i]) << n))
template <int n> STRATA_INLINE I shr32(I a) STRATA_MAP(I, int32_t(uint32_t(a.v[i]) >> n))
template <int n> STRATA_INLINE I sar32(I a) STRATA_MAP(I, a.v[i] >> n)
template <int n> STRATA_INLINE I shl8(I a) { return shl32<n>(a) & I::set1_u8(uint8_t(0xff << n)); }
template <int n> STRATA_INLINE I shr8(I a) { return shr32<n>(a) & I::set1_u8(0xff >> n); }
STRATA_INLINE I add32(I a, I b) STRATA_MAP(I, int32_t(uint32_t(a.v[i]) + uint32_t(b.v[i])))
STRATA_INLINE I sub32(I a, I b) STRATA_MAP(I, int32_t(uint32_t(a.v[i]) - uint32_t(b.v[i])))
STRATA_INLINE I mul32(I a, I b) STRATA_MAP(I, int32_t(uint32_t(a.v[i]) * uint32_t(b.v[i])))
STRATA_INLINE I min32(I a, I b) STRATA_MAP(I, a.v[i] < b.v[i] ? a.v[i] : b.v[i])
STRATA_INLINE I max32(I a, I b) STRATA_MAP(I, a.v[i] > b.v[i] ? a.v[i] : b.v[i])
STRATA_INLINE M gt32(I a, I b) STRATA_MAP(M, -(a.v[i] > b.v[i]))
STRATA_INLINE M eq32(I a, I b) STRATA_MAP(M, -(a.v[i] == b.v[i]))
STRATA_INLINE I select(M m, I a, I b) STRATA_MAP(I, m.v[i] ? a.v[i] : b.v[i])
// The top bit of each byte is added without its carry, so bytes do not touch each other.
STRATA_INLINE I add8(I a, I b) {
  const I top = I::set1_u8(0x80);
  return add32(andnot(top, a), andnot(top, b)) ^ ((a ^ b) & top);
}
STRATA_INLINE I sub8(I a, I b) {
  const I top = I::set1_u8(0x80);
  return sub32(a | top, andnot(top, b)) ^ ((a ^ andnot(b, top)) & top);
}
STRATA_INLINE I lookup16(I table, I index) {
  uint8_t t[64], x[64];
  table.store(t);
  index.store(x);
  for (int i = 0; i < 64; ++i) x[i] = t[x[i] & 15];
  return I::load(x);
}
STRATA_INLINE int32_t reduce_add(I a) {
  uint32_t sum = 0;
  STRATA_LANES sum += uint32_t(a.v[i]);
  return int32_t(sum);
}
STRATA_INLINE F scale_exp2(F x, I n) {
  const I half = sar32<1>(n), rest = sub32(n, half), bias = I::set1(127);
  return x * as_f(shl32<23>(add32(half, bias))) * as_f(shl32<23>(add32(rest, bias)));
}

STRATA_INLINE I load_u8_to_i(const uint8_t* p) STRATA_MAP(I, p[i])
STRATA_INLINE I load_s8_to_i(const int8_t* p) STRATA_MAP(I, p[i])
STRATA_INLINE void store_s8(I a, int8_t* p) {
  STRATA_LANES p[i] = int8_t(a.v[i] < -128 ? -128 : a.v[i] > 127 ? 127 : a.v[i]);
}

// ---- dot products

STRATA_INLINE int32_t dot4_lane(int32_t u, int32_t s) {
  int32_t sum = 0;
  for (int b = 0; b < 4; ++b) sum += byte(u, b) * int8_t(byte(s, b));
  return sum;
}
STRATA_INLINE I dot4(I acc, I u8, I s8)
    STRATA_MAP(I, int32_t(uint32_t(acc.v[i]) + uint32_t(dot4_lane(u8.v[i], s8.v[i]))))
STRATA_INLINE I dot4_small(I acc, I u8, I s8) { return dot4(acc, u8, s8); }
STRATA_INLINE I dot4_bcast(I acc, I u8, const int8_t* x4) {
  return dot4(acc, u8, I::broadcast4(x4));
}
STRATA_INLINE I dot4_small_bcast(I acc, I u8, const int8_t* x4) { return dot4_bcast(acc, u8, x4); }

STRATA_INLINE I pack_bf16(F low, F high) {
  uint16_t bits[32];
  low.store_bf16(bits);
  high.store_bf16(bits + 16);
  return I::load(bits);
}
STRATA_INLINE F dot2_bf16(F acc, I w, I x) {
  const I top = I::set1(int32_t(0xffff0000));
  return fma(as_f(shl32<16>(w)), as_f(shl32<16>(x)), fma(as_f(w & top), as_f(x & top), acc));
}
STRATA_INLINE F dot2_bf16_bcast(F acc, I w, const void* x2) {
  return dot2_bf16(acc, w, I::broadcast4(x2));
}

#undef STRATA_LANES
#undef STRATA_MAP

}  // namespace strata::kernel::scalar
