// One 512-bit register per vector; the contract is in vec_scalar.h. Serves three levels:
// STRATA_VNNI and STRATA_BF16 say which dot products the hardware has. No include guard: once per
// level.
//
// gcc 12 copies the accumulators of the VNNI and BF16 intrinsics to and fro inside loops, and warns
// of uninitialised values inside its own AVX-512 header; hence the asm and the pragma.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

namespace strata::kernel::STRATA_ISA {

static constexpr int kRegisters = 32;
static constexpr bool kHasBf16Dot = STRATA_BF16;
static constexpr bool kHasInt8Dot = STRATA_VNNI;

typedef int32_t __attribute__((may_alias, aligned(1))) AnyInt32;

// ---- types

struct M {
  __mmask16 v;
  STRATA_INLINE M first(int n) { return {__mmask16((1u << n) - 1)}; }
};

struct F {
  __m512 v;
  STRATA_INLINE F zero() { return {_mm512_setzero_ps()}; }
  STRATA_INLINE F set1(float f) { return {_mm512_set1_ps(f)}; }
  STRATA_INLINE F load(const float* p) { return {_mm512_loadu_ps(p)}; }
  STRATA_INLINE F load(const float* p, int n) {
    return {_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p)};
  }
  STRATA_INLINE F load_f16(const uint16_t* p) {
    return {_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256((const __m256i*)p))};
  }
  STRATA_INLINE F load_bf16(const uint16_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
  }
  STRATA_METHOD void store(float* p) const { _mm512_storeu_ps(p, v); }
  STRATA_METHOD void store(float* p, int n) const {
    _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), v);
  }
  STRATA_METHOD void store_f16(uint16_t* p) const {
    _mm256_storeu_si256((__m256i*)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  STRATA_METHOD void store_bf16(uint16_t* p) const;
};

struct I {
  __m512i v;
  STRATA_INLINE I zero() { return {_mm512_setzero_si512()}; }
  STRATA_INLINE I set1(int32_t x) { return {_mm512_set1_epi32(x)}; }
  STRATA_INLINE I set1_u8(uint8_t x) { return {_mm512_set1_epi8(char(x))}; }
  STRATA_INLINE I iota() {
    return {_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)};
  }
  STRATA_INLINE I load(const void* p) { return {_mm512_loadu_si512(p)}; }
  STRATA_INLINE I load_once(const void* p) {
    I r;
    asm volatile("vmovdqu64 %1,%0" : "=v"(r.v) : "m"(*(const char(*)[64])p));
    return r;
  }
  STRATA_INLINE I broadcast4(const void* p) { return {_mm512_set1_epi32(*(const AnyInt32*)p)}; }
  STRATA_INLINE I broadcast16(const void* p) {
    return {_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)p))};
  }
  STRATA_METHOD void store(void* p) const { _mm512_storeu_si512(p, v); }
};

// ---- floats

STRATA_INLINE F operator+(F a, F b) { return {_mm512_add_ps(a.v, b.v)}; }
STRATA_INLINE F operator-(F a, F b) { return {_mm512_sub_ps(a.v, b.v)}; }
STRATA_INLINE F operator*(F a, F b) { return {_mm512_mul_ps(a.v, b.v)}; }
STRATA_INLINE F operator/(F a, F b) { return {_mm512_div_ps(a.v, b.v)}; }
STRATA_INLINE F fma(F a, F b, F c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
STRATA_INLINE F fnma(F a, F b, F c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
STRATA_INLINE F min(F a, F b) { return {_mm512_min_ps(a.v, b.v)}; }
STRATA_INLINE F max(F a, F b) { return {_mm512_max_ps(a.v, b.v)}; }
STRATA_INLINE F abs(F a) { return {_mm512_abs_ps(a.v)}; }
STRATA_INLINE F neg(F a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
STRATA_INLINE F sqrt(F a) { return {_mm512_sqrt_ps(a.v)}; }
STRATA_INLINE F round(F a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
STRATA_INLINE F floor(F a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
}
STRATA_INLINE I round_i(F a) { return {_mm512_cvtps_epi32(a.v)}; }
STRATA_INLINE F to_f(I a) { return {_mm512_cvtepi32_ps(a.v)}; }
STRATA_INLINE I as_i(F a) { return {_mm512_castps_si512(a.v)}; }
STRATA_INLINE F as_f(I a) { return {_mm512_castsi512_ps(a.v)}; }

STRATA_INLINE M lt(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
STRATA_INLINE M le(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
STRATA_INLINE M gt(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ)}; }
STRATA_INLINE M ge(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ)}; }
STRATA_INLINE M eq(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
STRATA_INLINE M operator&(M a, M b) { return {__mmask16(a.v & b.v)}; }
STRATA_INLINE M operator|(M a, M b) { return {__mmask16(a.v | b.v)}; }
STRATA_INLINE bool any(M m) { return m.v != 0; }
STRATA_INLINE F select(M m, F a, F b) { return {_mm512_mask_blend_ps(m.v, b.v, a.v)}; }

STRATA_INLINE float reduce_add(F a) {
  const __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  const __m128 d = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}
STRATA_INLINE float reduce_max(F a) {
  const __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  const __m128 d = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(d, _mm_movehdup_ps(d)));
}
STRATA_INLINE F scale_exp2(F a, I n) { return {_mm512_scalef_ps(a.v, _mm512_cvtepi32_ps(n.v))}; }

// ---- bits and integers

STRATA_INLINE I operator&(I a, I b) { return {_mm512_and_si512(a.v, b.v)}; }
STRATA_INLINE I operator|(I a, I b) { return {_mm512_or_si512(a.v, b.v)}; }
STRATA_INLINE I operator^(I a, I b) { return {_mm512_xor_si512(a.v, b.v)}; }
STRATA_INLINE I andnot(I a, I b) { return {_mm512_andnot_si512(a.v, b.v)}; }
STRATA_INLINE I or_and(I a, I b, I c) { return {_mm512_ternarylogic_epi32(a.v, b.v, c.v, 0xf8)}; }
template <int n> STRATA_INLINE I shl32(I a) { return {_mm512_slli_epi32(a.v, n)}; }
template <int n> STRATA_INLINE I shr32(I a) { return {_mm512_srli_epi32(a.v, n)}; }
template <int n> STRATA_INLINE I sar32(I a) { return {_mm512_srai_epi32(a.v, n)}; }
template <int n> STRATA_INLINE I shl8(I a) {
  return {_mm512_and_si512(_mm512_slli_epi16(a.v, n), _mm512_set1_epi8(char(0xff << n)))};
}
template <int n> STRATA_INLINE I shr8(I a) {
  return {_mm512_and_si512(_mm512_srli_epi16(a.v, n), _mm512_set1_epi8(char(0xff >> n)))};
}
STRATA_INLINE I add32(I a, I b) { return {_mm512_add_epi32(a.v, b.v)}; }
STRATA_INLINE I sub32(I a, I b) { return {_mm512_sub_epi32(a.v, b.v)}; }
STRATA_INLINE I mul32(I a, I b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
STRATA_INLINE I min32(I a, I b) { return {_mm512_min_epi32(a.v, b.v)}; }
STRATA_INLINE I max32(I a, I b) { return {_mm512_max_epi32(a.v, b.v)}; }
STRATA_INLINE M gt32(I a, I b) { return {_mm512_cmpgt_epi32_mask(a.v, b.v)}; }
STRATA_INLINE M eq32(I a, I b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v)}; }
STRATA_INLINE I select(M m, I a, I b) { return {_mm512_mask_blend_epi32(m.v, b.v, a.v)}; }
STRATA_INLINE I add8(I a, I b) { return {_mm512_add_epi8(a.v, b.v)}; }
STRATA_INLINE I sub8(I a, I b) { return {_mm512_sub_epi8(a.v, b.v)}; }
STRATA_INLINE I lookup16(I table, I index) { return {_mm512_shuffle_epi8(table.v, index.v)}; }
STRATA_INLINE int32_t reduce_add(I a) {
  const __m256i h =
      _mm256_add_epi32(_mm512_castsi512_si256(a.v), _mm512_extracti32x8_epi32(a.v, 1));
  const __m128i q = _mm_add_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
  const __m128i d = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(d, _mm_shuffle_epi32(d, 0xb1)));
}

STRATA_INLINE I load_u8_to_i(const uint8_t* p) {
  return {_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p))};
}
STRATA_INLINE I load_s8_to_i(const int8_t* p) {
  return {_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)p))};
}
STRATA_INLINE void store_s8(I a, int8_t* p) {
  _mm_storeu_si128((__m128i*)p, _mm512_cvtsepi32_epi8(a.v));
}

// ---- dot products

#if STRATA_VNNI
STRATA_INLINE I dot4(I acc, I u8, I s8) {
  asm("vpdpbusd %2,%1,%0" : "+v"(acc.v) : "v"(u8.v), "v"(s8.v));
  return acc;
}
STRATA_INLINE I dot4_small(I acc, I u8, I s8) { return dot4(acc, u8, s8); }
STRATA_INLINE I dot4_bcast(I acc, I u8, const int8_t* x4) {
  asm("vpdpbusd %2%{1to16%},%1,%0" : "+v"(acc.v) : "v"(u8.v), "m"(*(const AnyInt32*)x4));
  return acc;
}
STRATA_INLINE I dot4_small_bcast(I acc, I u8, const int8_t* x4) { return dot4_bcast(acc, u8, x4); }
#else
STRATA_INLINE I dot4_small(I acc, I u8, I s8) {
  const __m512i pairs = _mm512_maddubs_epi16(u8.v, s8.v);
  return {_mm512_add_epi32(acc.v, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))};
}
// Bit 7 apart, so that no sum of two products leaves int16.
STRATA_INLINE I dot4(I acc, I u8, I s8) {
  const I top = I::set1_u8(0x80);
  return dot4_small(dot4_small(acc, andnot(top, u8), s8), u8 & top, s8);
}
STRATA_INLINE I dot4_bcast(I acc, I u8, const int8_t* x4) {
  return dot4(acc, u8, I::broadcast4(x4));
}
STRATA_INLINE I dot4_small_bcast(I acc, I u8, const int8_t* x4) {
  return dot4_small(acc, u8, I::broadcast4(x4));
}
#endif

// The upper 16 bits hold the rounded value; NaN stays a quiet NaN.
STRATA_INLINE __m512i bf16_bits(F a) {
  const __m512i bits = _mm512_castps_si512(a.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i sum = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
  return _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q), sum, quiet);
}
STRATA_METHOD void F::store_bf16(uint16_t* p) const {
  _mm256_storeu_si256((__m256i*)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(bf16_bits(*this), 16)));
}

#if STRATA_BF16
STRATA_INLINE I pack_bf16(F low, F high) {
  I r;
  asm("vcvtne2ps2bf16 %2,%1,%0" : "=v"(r.v) : "v"(high.v), "v"(low.v));
  return r;
}
STRATA_INLINE F dot2_bf16(F acc, I w, I x) {
  asm("vdpbf16ps %2,%1,%0" : "+v"(acc.v) : "v"(w.v), "v"(x.v));
  return acc;
}
STRATA_INLINE F dot2_bf16_bcast(F acc, I w, const void* x2) {
  asm("vdpbf16ps %2%{1to16%},%1,%0" : "+v"(acc.v) : "v"(w.v), "m"(*(const AnyInt32*)x2));
  return acc;
}
#else
STRATA_INLINE I pack_bf16(F low, F high) {
  const __m256i a = _mm512_cvtepi32_epi16(_mm512_srli_epi32(bf16_bits(low), 16));
  const __m256i b = _mm512_cvtepi32_epi16(_mm512_srli_epi32(bf16_bits(high), 16));
  return {_mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1)};
}
STRATA_INLINE F dot2_bf16(F acc, I w, I x) {
  const I top = I::set1(int32_t(0xffff0000));
  return fma(as_f(shl32<16>(w)), as_f(shl32<16>(x)), fma(as_f(w & top), as_f(x & top), acc));
}
STRATA_INLINE F dot2_bf16_bcast(F acc, I w, const void* x2) {
  return dot2_bf16(acc, w, I::broadcast4(x2));
}
#endif

}  // namespace strata::kernel::STRATA_ISA

#pragma GCC diagnostic pop
