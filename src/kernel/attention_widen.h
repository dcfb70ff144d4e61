// A block of any cache type rewritten as floats or as bf16 pairs, once for many rows. No include
// guard: once per instruction set.
namespace strata::kernel::STRATA_ISA {

// bf16 of both, rounded to nearest even, side by side: what K pairs and V pairs are made of.
STRATA_INLINE I pair_bf16(F low, F high) {
  const I half = I::set1(0x7fff), one = I::set1(1), top = I::set1(int32_t(0xffff0000));
  const I a = as_i(low), b = as_i(high);
  const I ra = add32(a, add32(half, shr32<16>(a) & one));
  const I rb = add32(b, add32(half, shr32<16>(b) & one));
  return or_and(shr32<16>(ra), rb, top);
}

STRATA_INLINE F low_bf16(I pair) { return as_f(shl32<16>(pair)); }
STRATA_INLINE F high_bf16(I pair) { return as_f(pair & I::set1(int32_t(0xffff0000))); }

/// Channels i .. i + 7 (i a multiple of 8) of the keys at positions p .. p + 15; 0 from d_k on.
template <KvType type>
STRATA_INLINE void read_keys(const KvLayout& l, const uint8_t* k, int i, int p, F (&out)[8]) {
  if constexpr (type == KvType::q8_0 || type == KvType::q4_0) {
    constexpr int wide = type == KvType::q8_0 ? 4 : 8;
    const uint8_t* lanes = k + size_t(p / 32) * (l.k_code_bytes() / 2) +
                           (size_t(i / wide) * 32 + p % 32) * 4;
    const F scale = F::load_f16(reinterpret_cast<const uint16_t*>(k + l.k_code_bytes()) +
                                i / kKvKeyGroup * kKvBlock + p);
    if constexpr (type == KvType::q8_0) {
      const I a = I::load(lanes), b = I::load(lanes + 128), byte = I::set1(255);
      const I zero = I::set1(128);
      out[0] = to_f(sub32(a & byte, zero)) * scale;
      out[1] = to_f(sub32(shr32<8>(a) & byte, zero)) * scale;
      out[2] = to_f(sub32(shr32<16>(a) & byte, zero)) * scale;
      out[3] = to_f(sub32(shr32<24>(a), zero)) * scale;
      out[4] = to_f(sub32(b & byte, zero)) * scale;
      out[5] = to_f(sub32(shr32<8>(b) & byte, zero)) * scale;
      out[6] = to_f(sub32(shr32<16>(b) & byte, zero)) * scale;
      out[7] = to_f(sub32(shr32<24>(b), zero)) * scale;
    } else {
      const I a = I::load(lanes), nibble = I::set1(15), zero = I::set1(8);
      out[0] = to_f(sub32(a & nibble, zero)) * scale;
      out[1] = to_f(sub32(shr32<8>(a) & nibble, zero)) * scale;
      out[2] = to_f(sub32(shr32<16>(a) & nibble, zero)) * scale;
      out[3] = to_f(sub32(shr32<24>(a) & nibble, zero)) * scale;
      out[4] = to_f(sub32(shr32<4>(a) & nibble, zero)) * scale;
      out[5] = to_f(sub32(shr32<12>(a) & nibble, zero)) * scale;
      out[6] = to_f(sub32(shr32<20>(a) & nibble, zero)) * scale;
      out[7] = to_f(sub32(shr32<28>(a), zero)) * scale;
    }
  } else {
    STRATA_UNROLL for (int j = 0; j < 8; ++j) {
      if (i + j >= l.d_k) {
        out[j] = F::zero();
      } else if constexpr (type == KvType::f32) {
        out[j] = F::load(reinterpret_cast<const float*>(k) + size_t(i + j) * kKvBlock + p);
      } else if constexpr (type == KvType::f16) {
        out[j] = F::load_f16(reinterpret_cast<const uint16_t*>(k) + size_t(i + j) * kKvBlock + p);
      } else {
        const I pair = I::load(k + (size_t(i + j) / 2 * kKvBlock + p) * 4);
        out[j] = j % 2 ? high_bf16(pair) : low_bf16(pair);
      }
    }
  }
}

/// Channels c .. c + 15 of the values at positions 4 quad .. 4 quad + 3.
template <KvType type>
STRATA_INLINE void read_values(const KvLayout& l, const uint8_t* v, int quad, int c, F (&out)[4]) {
  if constexpr (type == KvType::q8_0 || type == KvType::q4_0) {
    const uint8_t* tile = v + size_t(c / kKvValueGroup) * l.v_tile_bytes();
    const uint16_t* scales =
        reinterpret_cast<const uint16_t*>(tile + l.v_tile_code_bytes()) + 4 * quad;
    F scale[4];
    STRATA_UNROLL for (int j = 0; j < 4; ++j) scale[j] = F::set1(half::from_f16(scales[j]));
    if constexpr (type == KvType::q8_0) {
      const I a = I::load(tile + (size_t(quad) * 64 + c % 64) * 4);
      const I byte = I::set1(255), zero = I::set1(128);
      out[0] = to_f(sub32(a & byte, zero)) * scale[0];
      out[1] = to_f(sub32(shr32<8>(a) & byte, zero)) * scale[1];
      out[2] = to_f(sub32(shr32<16>(a) & byte, zero)) * scale[2];
      out[3] = to_f(sub32(shr32<24>(a), zero)) * scale[3];
    } else {
      I a = I::load(tile + (size_t(quad) * 32 + c % 32) * 4);
      const I nibble = I::set1(15), zero = I::set1(8);
      if (c % 64 >= 32) a = shr32<4>(a);
      out[0] = to_f(sub32(a & nibble, zero)) * scale[0];
      out[1] = to_f(sub32(shr32<8>(a) & nibble, zero)) * scale[1];
      out[2] = to_f(sub32(shr32<16>(a) & nibble, zero)) * scale[2];
      out[3] = to_f(sub32(shr32<24>(a) & nibble, zero)) * scale[3];
    }
  } else {
    const size_t pitch = l.d_v_stored();
    STRATA_UNROLL for (int j = 0; j < 4; ++j) {
      const size_t row = size_t(4 * quad + j);
      if constexpr (type == KvType::f32) {
        out[j] = F::load(reinterpret_cast<const float*>(v) + row * pitch + c);
      } else if constexpr (type == KvType::f16) {
        out[j] = F::load_f16(reinterpret_cast<const uint16_t*>(v) + row * pitch + c);
      } else {
        const I pair = I::load(v + (row / 2 * pitch + c) * 4);
        out[j] = j % 2 ? high_bf16(pair) : low_bf16(pair);
      }
    }
  }
}

/// Floats: K [d_k][64], V [64][d_v_padded].
struct FloatTarget {
  static constexpr int kElement = 4;
  STRATA_INLINE void keys(const F (&x)[8], int i, int p, int d_k, uint8_t* k) {
    STRATA_UNROLL for (int j = 0; j < 8; ++j)
      if (i + j < d_k) x[j].store(reinterpret_cast<float*>(k) + size_t(i + j) * kKvBlock + p);
  }
  STRATA_INLINE void values(const F (&x)[4], int quad, int c, int pitch, uint8_t* v) {
    STRATA_UNROLL for (int j = 0; j < 4; ++j)
      x[j].store(reinterpret_cast<float*>(v) + size_t(4 * quad + j) * pitch + c);
  }
  STRATA_INLINE void value(F x, int c, int p, int pitch, uint8_t* v) {
    float lanes[16];
    x.store(lanes);
    float* out = reinterpret_cast<float*>(v) + c;
    for (int j = 0; j < 16; ++j) out[size_t(p + j) * pitch] = lanes[j];
  }
};

/// bf16: K [d_k / 2][64][2], V [32][d_v_padded][2].
struct PairTarget {
  static constexpr int kElement = 2;
  STRATA_INLINE void keys(const F (&x)[8], int i, int p, int d_k, uint8_t* k) {
    STRATA_UNROLL for (int j = 0; j < 8; j += 2)
      if (i + j < d_k) pair_bf16(x[j], x[j + 1]).store(k + (size_t(i + j) / 2 * kKvBlock + p) * 4);
  }
  STRATA_INLINE void values(const F (&x)[4], int quad, int c, int pitch, uint8_t* v) {
    pair_bf16(x[0], x[1]).store(v + (size_t(2 * quad) * pitch + c) * 4);
    pair_bf16(x[2], x[3]).store(v + (size_t(2 * quad + 1) * pitch + c) * 4);
  }
  STRATA_INLINE void value(F x, int c, int p, int pitch, uint8_t* v) {
    uint16_t lanes[16];
    x.store_bf16(lanes);
    uint32_t* out = reinterpret_cast<uint32_t*>(v) + c;
    for (int j = 0; j < 16; j += 2)
      out[size_t(p + j) / 2 * pitch] = lanes[j] | uint32_t(lanes[j + 1]) << 16;
  }
};

template <KvType type, class Target>
struct Widen {
  static constexpr size_t kBytes = size_t(kKvBlock) * 2 * kAttendDim * Target::kElement;

  /// Writes K, then V, to `out`; returns where V lies.
  static __attribute__((noinline)) const uint8_t* block(const KvLayout& l, const uint8_t* head,
                                                        uint8_t* out) {
    const int pitch = l.d_v_padded();
    uint8_t* v = out + size_t(kKvBlock) * ((l.d_k + 1) / 2 * 2) * Target::kElement;
    for (int i = 0; i < l.d_k; i += 8)
      for (int p = 0; p < kKvBlock; p += 16) {
        F x[8];
        read_keys<type>(l, head, i, p, x);
        Target::keys(x, i, p, l.d_k, out);
        if (l.latent)
          for (int j = 0; j < 8; ++j)
            if (i + j < l.d_v) Target::value(x[j], i + j, p, pitch, v);
      }
    if (l.latent) {
      for (int c = l.d_v; c < pitch; ++c)
        for (int p = 0; p < kKvBlock; p += 16) Target::value(F::zero(), c, p, pitch, v);
      return v;
    }
    for (int quad = 0; quad < kKvBlock / 4; ++quad)
      for (int c = 0; c < pitch; c += 16) {
        F x[4];
        read_values<type>(l, head + l.k_bytes(), quad, c, x);
        Target::values(x, quad, c, pitch, v);
      }
    return v;
  }
};

}  // namespace strata::kernel::STRATA_ISA
