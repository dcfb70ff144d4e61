// Four 128-bit registers per vector; the contract is in vec_scalar.h. Serves two levels:
// STRATA_DOTPROD says whether the hardware has SDOT. No include guard: once per level.
namespace strata::kernel::STRATA_ISA {

static constexpr int kRegisters = 8;
static constexpr bool kHasBf16Dot = false;
static constexpr bool kHasInt8Dot = false;   // SDOT is signed, so dot4 takes two of them

#define STRATA_QUADS STRATA_UNROLL for (int i = 0; i < 4; ++i)
#define STRATA_MAP(type, expression) \
  { type r; STRATA_QUADS r.v[i] = expression; return r; }

// ---- types

struct M {
  uint32x4_t v[4];   // all bits of a lane set or clear
  STRATA_INLINE M first(int n) {
    const int32x4_t lane = {0, 1, 2, 3};
    M r;
    STRATA_QUADS r.v[i] = vcltq_s32(lane, vdupq_n_s32(n - 4 * i));
    return r;
  }
};

struct F {
  float32x4_t v[4];
  STRATA_INLINE F set1(float f) STRATA_MAP(F, vdupq_n_f32(f))
  STRATA_INLINE F zero() { return set1(0); }
  STRATA_INLINE F load(const float* p) STRATA_MAP(F, vld1q_f32(p + 4 * i))
  STRATA_INLINE F load(const float* p, int n) {
    float lanes[16] = {};
    for (int i = 0; i < n; ++i) lanes[i] = p[i];
    return load(lanes);
  }
  STRATA_INLINE F load_f16(const uint16_t* p)
      STRATA_MAP(F, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))))
  STRATA_INLINE F load_bf16(const uint16_t* p)
      STRATA_MAP(F, vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)))
  STRATA_METHOD void store(float* p) const { STRATA_QUADS vst1q_f32(p + 4 * i, v[i]); }
  STRATA_METHOD void store(float* p, int n) const {
    float lanes[16];
    store(lanes);
    for (int i = 0; i < n; ++i) p[i] = lanes[i];
  }
  STRATA_METHOD void store_f16(uint16_t* p) const {
    STRATA_QUADS vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(v[i])));
  }
  STRATA_METHOD void store_bf16(uint16_t* p) const;
};

struct I {
  int32x4_t v[4];
  STRATA_INLINE I set1(int32_t x) STRATA_MAP(I, vdupq_n_s32(x))
  STRATA_INLINE I zero() { return set1(0); }
  STRATA_INLINE I set1_u8(uint8_t x) STRATA_MAP(I, vreinterpretq_s32_u8(vdupq_n_u8(x)))
  STRATA_INLINE I iota() {
    const int32x4_t lane = {0, 1, 2, 3};
    I r;
    STRATA_QUADS r.v[i] = vaddq_s32(lane, vdupq_n_s32(4 * i));
    return r;
  }
  STRATA_INLINE I load(const void* p)
      STRATA_MAP(I, vreinterpretq_s32_u8(vld1q_u8((const uint8_t*)p + 16 * i)))
  STRATA_INLINE I load_once(const void* p) { return load(p); }
  STRATA_INLINE I broadcast4(const void* p) {
    int32_t x;
    __builtin_memcpy(&x, p, 4);
    return set1(x);
  }
  STRATA_INLINE I broadcast16(const void* p)
      STRATA_MAP(I, vreinterpretq_s32_u8(vld1q_u8((const uint8_t*)p)))
  STRATA_METHOD void store(void* p) const {
    STRATA_QUADS vst1q_u8((uint8_t*)p + 16 * i, vreinterpretq_u8_s32(v[i]));
  }
};

// ---- views of a register

STRATA_INLINE uint8x16_t u8(int32x4_t a) { return vreinterpretq_u8_s32(a); }
STRATA_INLINE int8x16_t s8(int32x4_t a) { return vreinterpretq_s8_s32(a); }
STRATA_INLINE uint32x4_t u32(int32x4_t a) { return vreinterpretq_u32_s32(a); }
STRATA_INLINE int32x4_t s32(uint8x16_t a) { return vreinterpretq_s32_u8(a); }
STRATA_INLINE int32x4_t s32(uint32x4_t a) { return vreinterpretq_s32_u32(a); }

// ---- floats

STRATA_INLINE F operator+(F a, F b) STRATA_MAP(F, vaddq_f32(a.v[i], b.v[i]))
STRATA_INLINE F operator-(F a, F b) STRATA_MAP(F, vsubq_f32(a.v[i], b.v[i]))
STRATA_INLINE F operator*(F a, F b) STRATA_MAP(F, vmulq_f32(a.v[i], b.v[i]))
STRATA_INLINE F operator/(F a, F b) STRATA_MAP(F, vdivq_f32(a.v[i], b.v[i]))
STRATA_INLINE F fma(F a, F b, F c) STRATA_MAP(F, vfmaq_f32(c.v[i], a.v[i], b.v[i]))
STRATA_INLINE F fnma(F a, F b, F c) STRATA_MAP(F, vfmsq_f32(c.v[i], a.v[i], b.v[i]))
// Not vminq: it returns NaN when either operand is one, and the contract says b.
STRATA_INLINE F min(F a, F b)
    STRATA_MAP(F, vbslq_f32(vcltq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]))
STRATA_INLINE F max(F a, F b)
    STRATA_MAP(F, vbslq_f32(vcgtq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]))
STRATA_INLINE F abs(F a) STRATA_MAP(F, vabsq_f32(a.v[i]))
STRATA_INLINE F neg(F a) STRATA_MAP(F, vnegq_f32(a.v[i]))
STRATA_INLINE F sqrt(F a) STRATA_MAP(F, vsqrtq_f32(a.v[i]))
STRATA_INLINE F round(F a) STRATA_MAP(F, vrndnq_f32(a.v[i]))
STRATA_INLINE F floor(F a) STRATA_MAP(F, vrndmq_f32(a.v[i]))
STRATA_INLINE I round_i(F a) STRATA_MAP(I, vcvtnq_s32_f32(a.v[i]))
STRATA_INLINE F to_f(I a) STRATA_MAP(F, vcvtq_f32_s32(a.v[i]))
STRATA_INLINE I as_i(F a) STRATA_MAP(I, vreinterpretq_s32_f32(a.v[i]))
STRATA_INLINE F as_f(I a) STRATA_MAP(F, vreinterpretq_f32_s32(a.v[i]))

STRATA_INLINE M lt(F a, F b) STRATA_MAP(M, vcltq_f32(a.v[i], b.v[i]))
STRATA_INLINE M le(F a, F b) STRATA_MAP(M, vcleq_f32(a.v[i], b.v[i]))
STRATA_INLINE M gt(F a, F b) STRATA_MAP(M, vcgtq_f32(a.v[i], b.v[i]))
STRATA_INLINE M ge(F a, F b) STRATA_MAP(M, vcgeq_f32(a.v[i], b.v[i]))
STRATA_INLINE M eq(F a, F b) STRATA_MAP(M, vceqq_f32(a.v[i], b.v[i]))
STRATA_INLINE M operator&(M a, M b) STRATA_MAP(M, vandq_u32(a.v[i], b.v[i]))
STRATA_INLINE M operator|(M a, M b) STRATA_MAP(M, vorrq_u32(a.v[i], b.v[i]))
STRATA_INLINE bool any(M m) {
  return vmaxvq_u32(vorrq_u32(vorrq_u32(m.v[0], m.v[1]), vorrq_u32(m.v[2], m.v[3]))) != 0;
}
STRATA_INLINE F select(M m, F a, F b) STRATA_MAP(F, vbslq_f32(m.v[i], a.v[i], b.v[i]))

STRATA_INLINE float reduce_add(F a) {
  const float32x4_t q = vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
  const float32x2_t d = vadd_f32(vget_low_f32(q), vget_high_f32(q));
  return vget_lane_f32(d, 0) + vget_lane_f32(d, 1);
}
STRATA_INLINE float reduce_max(F a) {
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.v[0], a.v[1]), vmaxq_f32(a.v[2], a.v[3])));
}

// ---- bits and integers

STRATA_INLINE I operator&(I a, I b) STRATA_MAP(I, vandq_s32(a.v[i], b.v[i]))
STRATA_INLINE I operator|(I a, I b) STRATA_MAP(I, vorrq_s32(a.v[i], b.v[i]))
STRATA_INLINE I operator^(I a, I b) STRATA_MAP(I, veorq_s32(a.v[i], b.v[i]))
STRATA_INLINE I andnot(I a, I b) STRATA_MAP(I, vbicq_s32(b.v[i], a.v[i]))
STRATA_INLINE I or_and(I a, I b, I c) { return a | (b & c); }
template <int n> STRATA_INLINE I shl32(I a) STRATA_MAP(I, vshlq_n_s32(a.v[i], n))
template <int n> STRATA_INLINE I shr32(I a) STRATA_MAP(I, s32(vshrq_n_u32(u32(a.v[i]), n)))
template <int n> STRATA_INLINE I sar32(I a) STRATA_MAP(I, vshrq_n_s32(a.v[i], n))
template <int n> STRATA_INLINE I shl8(I a) STRATA_MAP(I, s32(vshlq_n_u8(u8(a.v[i]), n)))
template <int n> STRATA_INLINE I shr8(I a) STRATA_MAP(I, s32(vshrq_n_u8(u8(a.v[i]), n)))
STRATA_INLINE I add32(I a, I b) STRATA_MAP(I, vaddq_s32(a.v[i], b.v[i]))
STRATA_INLINE I sub32(I a, I b) STRATA_MAP(I, vsubq_s32(a.v[i], b.v[i]))
STRATA_INLINE I mul32(I a, I b) STRATA_MAP(I, vmulq_s32(a.v[i], b.v[i]))
STRATA_INLINE I min32(I a, I b) STRATA_MAP(I, vminq_s32(a.v[i], b.v[i]))
STRATA_INLINE I max32(I a, I b) STRATA_MAP(I, vmaxq_s32(a.v[i], b.v[i]))
STRATA_INLINE M gt32(I a, I b) STRATA_MAP(M, vcgtq_s32(a.v[i], b.v[i]))
STRATA_INLINE M eq32(I a, I b) STRATA_MAP(M, vceqq_s32(a.v[i], b.v[i]))
STRATA_INLINE I select(M m, I a, I b) STRATA_MAP(I, vbslq_s32(m.v[i], a.v[i], b.v[i]))
STRATA_INLINE I add8(I a, I b) STRATA_MAP(I, s32(vaddq_u8(u8(a.v[i]), u8(b.v[i]))))
STRATA_INLINE I sub8(I a, I b) STRATA_MAP(I, s32(vsubq_u8(u8(a.v[i]), u8(b.v[i]))))
STRATA_INLINE I lookup16(I table, I index)
    STRATA_MAP(I, s32(vqtbl1q_u8(u8(table.v[i]), u8(index.v[i]))))
STRATA_INLINE int32_t reduce_add(I a) {
  return vaddvq_s32(vaddq_s32(vaddq_s32(a.v[0], a.v[1]), vaddq_s32(a.v[2], a.v[3])));
}
// Multiplies twice, so that results on either side of the normal range come out right.
STRATA_INLINE F scale_exp2(F x, I n) {
  const I half = sar32<1>(n), rest = sub32(n, half), bias = I::set1(127);
  return x * as_f(shl32<23>(add32(half, bias))) * as_f(shl32<23>(add32(rest, bias)));
}

STRATA_INLINE I load_u8_to_i(const uint8_t* p) {
  const uint8x16_t b = vld1q_u8(p);
  const uint16x8_t l = vmovl_u8(vget_low_u8(b)), h = vmovl_high_u8(b);
  return {{s32(vmovl_u16(vget_low_u16(l))), s32(vmovl_high_u16(l)),
           s32(vmovl_u16(vget_low_u16(h))), s32(vmovl_high_u16(h))}};
}
STRATA_INLINE I load_s8_to_i(const int8_t* p) {
  const int8x16_t b = vld1q_s8(p);
  const int16x8_t l = vmovl_s8(vget_low_s8(b)), h = vmovl_high_s8(b);
  return {{vmovl_s16(vget_low_s16(l)), vmovl_high_s16(l), vmovl_s16(vget_low_s16(h)),
           vmovl_high_s16(h)}};
}
STRATA_INLINE void store_s8(I a, int8_t* p) {
  const int16x8_t l = vqmovn_high_s32(vqmovn_s32(a.v[0]), a.v[1]);
  const int16x8_t h = vqmovn_high_s32(vqmovn_s32(a.v[2]), a.v[3]);
  vst1q_s8(p, vqmovn_high_s16(vqmovn_s16(l), h));
}

// ---- dot products

#if STRATA_DOTPROD
STRATA_INLINE I dot4_small(I acc, I a, I b)
    STRATA_MAP(I, vdotq_s32(acc.v[i], s8(a.v[i]), s8(b.v[i])))
// u = (u - 128) + 128, and SDOT by -128 fits its signed bytes.
STRATA_INLINE I dot4(I acc, I a, I b) {
  const I low = dot4_small(acc, a ^ I::set1_u8(0x80), b);
  return sub32(low, dot4_small(I::zero(), I::set1_u8(0x80), b));
}
#else
STRATA_INLINE int32x4_t dot4_quad(int32x4_t acc, int16x8_t low, int16x8_t high) {
  return vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
}
// One product is at most 127 * 128 and fits int16; sums of them are made in int32.
STRATA_INLINE int32x4_t dot4_signed(int32x4_t acc, int8x16_t a, int8x16_t b) {
  return dot4_quad(acc, vmull_s8(vget_low_s8(a), vget_low_s8(b)), vmull_high_s8(a, b));
}
STRATA_INLINE I dot4_small(I acc, I a, I b)
    STRATA_MAP(I, dot4_signed(acc.v[i], s8(a.v[i]), s8(b.v[i])))
STRATA_INLINE int32x4_t dot4_wide(int32x4_t acc, uint8x16_t a, int8x16_t b) {
  const int16x8_t al = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(a)));
  const int16x8_t ah = vreinterpretq_s16_u16(vmovl_high_u8(a));
  // |255 * -128| < 2^15: the low half of each 16-bit product is the product.
  return dot4_quad(acc, vmulq_s16(al, vmovl_s8(vget_low_s8(b))), vmulq_s16(ah, vmovl_high_s8(b)));
}
STRATA_INLINE I dot4(I acc, I a, I b) STRATA_MAP(I, dot4_wide(acc.v[i], u8(a.v[i]), s8(b.v[i])))
#endif
STRATA_INLINE I dot4_bcast(I acc, I a, const int8_t* x4) {
  return dot4(acc, a, I::broadcast4(x4));
}
STRATA_INLINE I dot4_small_bcast(I acc, I a, const int8_t* x4) {
  return dot4_small(acc, a, I::broadcast4(x4));
}

// Rounded to nearest even; NaN stays a quiet NaN.
STRATA_INLINE uint16x4_t bf16_bits(float32x4_t a) {
  const uint32x4_t bits = vreinterpretq_u32_f32(a);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  const uint32x4_t sum = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
  const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
  return vshrn_n_u32(vbslq_u32(vceqq_f32(a, a), sum, quiet), 16);
}
STRATA_METHOD void F::store_bf16(uint16_t* p) const {
  STRATA_QUADS vst1_u16(p + 4 * i, bf16_bits(v[i]));
}
STRATA_INLINE int32x4_t pack_quad(float32x4_t a, float32x4_t b) {
  return vreinterpretq_s32_u16(vcombine_u16(bf16_bits(a), bf16_bits(b)));
}
STRATA_INLINE I pack_bf16(F low, F high) {
  return {{pack_quad(low.v[0], low.v[1]), pack_quad(low.v[2], low.v[3]),
           pack_quad(high.v[0], high.v[1]), pack_quad(high.v[2], high.v[3])}};
}
STRATA_INLINE F dot2_bf16(F acc, I w, I x) {
  const I top = I::set1(int32_t(0xffff0000));
  return fma(as_f(shl32<16>(w)), as_f(shl32<16>(x)), fma(as_f(w & top), as_f(x & top), acc));
}
STRATA_INLINE F dot2_bf16_bcast(F acc, I w, const void* x2) {
  return dot2_bf16(acc, w, I::broadcast4(x2));
}

#undef STRATA_QUADS
#undef STRATA_MAP

}  // namespace strata::kernel::STRATA_ISA
