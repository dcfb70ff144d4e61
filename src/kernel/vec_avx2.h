// Two 256-bit registers per vector; the contract is in vec_scalar.h.
#pragma once

namespace strata::kernel::avx2 {

static constexpr int kRegisters = 8;
static constexpr bool kHasBf16Dot = false;
static constexpr bool kHasInt8Dot = false;

typedef int32_t __attribute__((may_alias, aligned(1))) AnyInt32;

// ---- types

struct I {
  __m256i a, b;   // lanes 0..7, 8..15
  STRATA_INLINE I zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  STRATA_INLINE I set1(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  STRATA_INLINE I set1_u8(uint8_t x) {
    return {_mm256_set1_epi8(char(x)), _mm256_set1_epi8(char(x))};
  }
  STRATA_INLINE I iota() {
    return {_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7),
            _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)};
  }
  STRATA_INLINE I load(const void* p) {
    return {_mm256_loadu_si256((const __m256i*)p), _mm256_loadu_si256((const __m256i*)p + 1)};
  }
  STRATA_INLINE I load_once(const void* p) {
    I r;
    asm volatile("vmovdqu %1,%0" : "=x"(r.a) : "m"(*(const char(*)[32])p));
    asm volatile("vmovdqu %1,%0" : "=x"(r.b) : "m"(*((const char(*)[32])p + 1)));
    return r;
  }
  STRATA_INLINE I broadcast4(const void* p) { return set1(*(const AnyInt32*)p); }
  STRATA_INLINE I broadcast16(const void* p) {
    const __m256i v = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)p));
    return {v, v};
  }
  STRATA_METHOD void store(void* p) const {
    _mm256_storeu_si256((__m256i*)p, a);
    _mm256_storeu_si256((__m256i*)p + 1, b);
  }
};

struct M {
  __m256i a, b;   // all bits of a lane set or clear
  STRATA_INLINE M first(int n) {
    const I i = I::iota();
    const __m256i limit = _mm256_set1_epi32(n);
    return {_mm256_cmpgt_epi32(limit, i.a), _mm256_cmpgt_epi32(limit, i.b)};
  }
};

STRATA_INLINE __m256i bf16_bits(__m256 a) {
  const __m256i bits = _mm256_castps_si256(a);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  return _mm256_srli_epi32(_mm256_blendv_epi8(sum, quiet, nan), 16);
}
STRATA_INLINE __m256i pack_bf16_16(__m256 low, __m256 high) {
  return _mm256_permute4x64_epi64(_mm256_packus_epi32(bf16_bits(low), bf16_bits(high)), 0xd8);
}

struct F {
  __m256 a, b;
  STRATA_INLINE F zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  STRATA_INLINE F set1(float f) { return {_mm256_set1_ps(f), _mm256_set1_ps(f)}; }
  STRATA_INLINE F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  STRATA_INLINE F load(const float* p, int n) {
    const M m = M::first(n);
    return {_mm256_maskload_ps(p, m.a), _mm256_maskload_ps(p + 8, m.b)};
  }
  STRATA_INLINE F load_f16(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p)),
            _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p + 1))};
  }
  STRATA_INLINE F load_bf16(const uint16_t* p) {
    const __m256i low = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p));
    const __m256i high = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p + 1));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(low, 16)),
            _mm256_castsi256_ps(_mm256_slli_epi32(high, 16))};
  }
  STRATA_METHOD void store(float* p) const {
    _mm256_storeu_ps(p, a);
    _mm256_storeu_ps(p + 8, b);
  }
  STRATA_METHOD void store(float* p, int n) const {
    const M m = M::first(n);
    _mm256_maskstore_ps(p, m.a, a);
    _mm256_maskstore_ps(p + 8, m.b, b);
  }
  STRATA_METHOD void store_f16(uint16_t* p) const {
    _mm_storeu_si128((__m128i*)p, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i*)p + 1, _mm256_cvtps_ph(b, _MM_FROUND_TO_NEAREST_INT));
  }
  STRATA_METHOD void store_bf16(uint16_t* p) const {
    _mm256_storeu_si256((__m256i*)p, pack_bf16_16(a, b));
  }
};

// ---- floats

STRATA_INLINE F operator+(F x, F y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
STRATA_INLINE F operator-(F x, F y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
STRATA_INLINE F operator*(F x, F y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
STRATA_INLINE F operator/(F x, F y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
STRATA_INLINE F fma(F x, F y, F z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
STRATA_INLINE F fnma(F x, F y, F z) {
  return {_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)};
}
STRATA_INLINE F min(F x, F y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
STRATA_INLINE F max(F x, F y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
STRATA_INLINE F abs(F x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
}
STRATA_INLINE F neg(F x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_xor_ps(sign, x.a), _mm256_xor_ps(sign, x.b)};
}
STRATA_INLINE F sqrt(F x) { return {_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)}; }
STRATA_INLINE F round(F x) {
  constexpr int how = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, how), _mm256_round_ps(x.b, how)};
}
STRATA_INLINE F floor(F x) {
  constexpr int how = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(x.a, how), _mm256_round_ps(x.b, how)};
}
STRATA_INLINE I round_i(F x) { return {_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)}; }
STRATA_INLINE F to_f(I x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
STRATA_INLINE I as_i(F x) { return {_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)}; }
STRATA_INLINE F as_f(I x) { return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)}; }

template <int how> STRATA_INLINE M compare(F x, F y) {
  return {_mm256_castps_si256(_mm256_cmp_ps(x.a, y.a, how)),
          _mm256_castps_si256(_mm256_cmp_ps(x.b, y.b, how))};
}
STRATA_INLINE M lt(F x, F y) { return compare<_CMP_LT_OQ>(x, y); }
STRATA_INLINE M le(F x, F y) { return compare<_CMP_LE_OQ>(x, y); }
STRATA_INLINE M gt(F x, F y) { return compare<_CMP_GT_OQ>(x, y); }
STRATA_INLINE M ge(F x, F y) { return compare<_CMP_GE_OQ>(x, y); }
STRATA_INLINE M eq(F x, F y) { return compare<_CMP_EQ_OQ>(x, y); }
STRATA_INLINE M operator&(M x, M y) {
  return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)};
}
STRATA_INLINE M operator|(M x, M y) {
  return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)};
}
STRATA_INLINE bool any(M m) {
  const __m256i v = _mm256_or_si256(m.a, m.b);
  return !_mm256_testz_si256(v, v);
}
STRATA_INLINE F select(M m, F x, F y) {
  return {_mm256_blendv_ps(y.a, x.a, _mm256_castsi256_ps(m.a)),
          _mm256_blendv_ps(y.b, x.b, _mm256_castsi256_ps(m.b))};
}

STRATA_INLINE float reduce_add(F x) {
  const __m256 h = _mm256_add_ps(x.a, x.b);
  const __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  const __m128 d = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}
STRATA_INLINE float reduce_max(F x) {
  const __m256 h = _mm256_max_ps(x.a, x.b);
  const __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  const __m128 d = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(d, _mm_movehdup_ps(d)));
}

// ---- bits and integers

#define STRATA_EACH2(op) {op(x.a, y.a), op(x.b, y.b)}
STRATA_INLINE I operator&(I x, I y) { return STRATA_EACH2(_mm256_and_si256); }
STRATA_INLINE I operator|(I x, I y) { return STRATA_EACH2(_mm256_or_si256); }
STRATA_INLINE I operator^(I x, I y) { return STRATA_EACH2(_mm256_xor_si256); }
STRATA_INLINE I andnot(I x, I y) { return STRATA_EACH2(_mm256_andnot_si256); }
STRATA_INLINE I or_and(I x, I y, I z) { return x | (y & z); }
template <int n> STRATA_INLINE I shl32(I x) {
  return {_mm256_slli_epi32(x.a, n), _mm256_slli_epi32(x.b, n)};
}
template <int n> STRATA_INLINE I shr32(I x) {
  return {_mm256_srli_epi32(x.a, n), _mm256_srli_epi32(x.b, n)};
}
template <int n> STRATA_INLINE I sar32(I x) {
  return {_mm256_srai_epi32(x.a, n), _mm256_srai_epi32(x.b, n)};
}
template <int n> STRATA_INLINE I shl8(I x) {
  return I{_mm256_slli_epi16(x.a, n), _mm256_slli_epi16(x.b, n)} & I::set1_u8(uint8_t(0xff << n));
}
template <int n> STRATA_INLINE I shr8(I x) {
  return I{_mm256_srli_epi16(x.a, n), _mm256_srli_epi16(x.b, n)} & I::set1_u8(0xff >> n);
}
STRATA_INLINE I add32(I x, I y) { return STRATA_EACH2(_mm256_add_epi32); }
STRATA_INLINE I sub32(I x, I y) { return STRATA_EACH2(_mm256_sub_epi32); }
STRATA_INLINE I mul32(I x, I y) { return STRATA_EACH2(_mm256_mullo_epi32); }
STRATA_INLINE I min32(I x, I y) { return STRATA_EACH2(_mm256_min_epi32); }
STRATA_INLINE I max32(I x, I y) { return STRATA_EACH2(_mm256_max_epi32); }
STRATA_INLINE M gt32(I x, I y) { return STRATA_EACH2(_mm256_cmpgt_epi32); }
STRATA_INLINE M eq32(I x, I y) { return STRATA_EACH2(_mm256_cmpeq_epi32); }
STRATA_INLINE I add8(I x, I y) { return STRATA_EACH2(_mm256_add_epi8); }
STRATA_INLINE I sub8(I x, I y) { return STRATA_EACH2(_mm256_sub_epi8); }
STRATA_INLINE I lookup16(I x, I y) { return STRATA_EACH2(_mm256_shuffle_epi8); }
#undef STRATA_EACH2
STRATA_INLINE I select(M m, I x, I y) {
  return {_mm256_blendv_epi8(y.a, x.a, m.a), _mm256_blendv_epi8(y.b, x.b, m.b)};
}
STRATA_INLINE int32_t reduce_add(I x) {
  const __m256i h = _mm256_add_epi32(x.a, x.b);
  const __m128i q = _mm_add_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
  const __m128i d = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(d, _mm_shuffle_epi32(d, 0xb1)));
}
// scale_exp2 multiplies twice, so that results on either side of the normal range come out right.
STRATA_INLINE F scale_exp2(F x, I n) {
  const I half = sar32<1>(n), rest = sub32(n, half), bias = I::set1(127);
  return x * as_f(shl32<23>(add32(half, bias))) * as_f(shl32<23>(add32(rest, bias)));
}

STRATA_INLINE I load_u8_to_i(const uint8_t* p) {
  return {_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)p)),
          _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)(p + 8)))};
}
STRATA_INLINE I load_s8_to_i(const int8_t* p) {
  return {_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)p)),
          _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)(p + 8)))};
}
STRATA_INLINE void store_s8(I x, int8_t* p) {
  const __m256i h = _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xd8);
  const __m128i q = _mm_packs_epi16(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
  _mm_storeu_si128((__m128i*)p, q);
}

// ---- dot products

STRATA_INLINE I dot4_small(I acc, I u8, I s8) {
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i a = _mm256_madd_epi16(_mm256_maddubs_epi16(u8.a, s8.a), ones);
  const __m256i b = _mm256_madd_epi16(_mm256_maddubs_epi16(u8.b, s8.b), ones);
  return {_mm256_add_epi32(acc.a, a), _mm256_add_epi32(acc.b, b)};
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

STRATA_INLINE I pack_bf16(F low, F high) {
  return {pack_bf16_16(low.a, low.b), pack_bf16_16(high.a, high.b)};
}
STRATA_INLINE F dot2_bf16(F acc, I w, I x) {
  const I top = I::set1(int32_t(0xffff0000));
  return fma(as_f(shl32<16>(w)), as_f(shl32<16>(x)), fma(as_f(w & top), as_f(x & top), acc));
}
STRATA_INLINE F dot2_bf16_bcast(F acc, I w, const void* x2) {
  return dot2_bf16(acc, w, I::broadcast4(x2));
}

}  // namespace strata::kernel::avx2
