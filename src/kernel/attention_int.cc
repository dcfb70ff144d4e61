// K and V as codes, for dot products of four bytes. The other factor, a query or the weights of a
// block, becomes fixed point of 15 bits in two bytes (x = 128 high + low), so that it costs no
// accuracy: what is lost was lost when the cache was written.
#include "kernel/attention_forms.h"
#define STRATA_KERNEL "kernel/attention_int.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/attention_rows.h"
namespace strata::kernel::STRATA_ISA {
namespace {

static constexpr float kFixedMost = 127 * 128;

struct Fixed {
  alignas(64) int8_t high[64], low[64];
};

/// 16 values times `inverse` as fixed point; their sum by lane.
STRATA_INLINE I to_fixed(F x, F inverse, int8_t* high, int8_t* low) {
  const I fixed = round_i(x * inverse);
  store_s8(sar32<7>(fixed), high);
  store_s8(fixed & I::set1(127), low);
  return fixed;
}

template <KvType type>
struct IntForm {
  static constexpr bool kNibbles = type == KvType::q4_0;
  // Two accumulators a product: of more rows they do not fit the registers.
  static constexpr int kBand = kRegisters >= 32 ? 4 : 2;
  static constexpr int kOffset = kNibbles ? 8 : 128;   // of codes in memory
  static constexpr bool kRagged = false;               // codes are never NaN

  // A query: 4 channels high, the same low, by quad; -offset * sum by group; scale.
  static int query_floats(const KvLayout& l) {
    return l.d_k_padded() / 2 + l.d_k_padded() / kKvKeyGroup + 1;
  }

  static void set_query(const KvLayout& l, const float* q, int slot, float* query) {
    const int quads = l.d_k_padded() / 4;
    F top = F::zero(), total = F::zero();
    for (int i = 0; i < l.d_k_padded(); i += 16) {
      top = max(abs(F::load(q + i)), top);
      total = total + F::load(q + i);
    }
    const float most = reduce_max(top), sum = reduce_add(total);
    const F inverse = F::set1(most > 0 ? kFixedMost / most : 0);
    int32_t* out = reinterpret_cast<int32_t*>(query) + slot;
    for (int i = 0; i < l.d_k_padded(); i += kKvKeyGroup) {
      int8_t high[kKvKeyGroup], low[kKvKeyGroup];
      const I a = to_fixed(F::load(q + i), inverse, high, low);
      const I b = to_fixed(F::load(q + i + 16), inverse, high + 16, low + 16);
      for (int j = 0; j < kKvKeyGroup / 4; ++j) {
        __builtin_memcpy(out + (i / 4 + j) * kBand, high + 4 * j, 4);
        __builtin_memcpy(out + (quads + i / 4 + j) * kBand, low + 4 * j, 4);
      }
      out[(2 * quads + i / kKvKeyGroup) * kBand] = -kOffset * reduce_add(add32(a, b));
    }
    // A sum that is not a number marks a query with such an element.
    query[(query_floats(l) - 1) * kBand + slot] = sum == sum ? most / kFixedMost : sum;
  }

  STRATA_INLINE I dot(I acc, I code, const void* x) {
    return kNibbles ? dot4_small_bcast(acc, code, static_cast<const int8_t*>(x))
                    : dot4_bcast(acc, code, static_cast<const int8_t*>(x));
  }

  template <int rows>
  STRATA_INLINE void score(const Step& s) {
    constexpr int width = rows * 4 + 4 <= kRegisters ? 2 : 1;
    const KvLayout& l = s.rows->task->layout;
    const int quads = l.d_k_padded() / 4, groups = l.d_k_padded() / kKvKeyGroup;
    const int32_t* high = reinterpret_cast<const int32_t*>(s.query) + s.slot;
    const int32_t* low = high + quads * kBand;
    const int32_t* negative = low + quads * kBand;
    const float* unit = s.query + (query_floats(l) - 1) * kBand + s.slot;
    const uint16_t* scales = reinterpret_cast<const uint16_t*>(s.k + l.k_code_bytes());
    const uint8_t* ahead = s.v;
    for (int at = 0; at < kKvBlock; at += 16 * width) {
      const uint8_t* k = s.k + size_t(at / 32) * (l.k_code_bytes() / 2) + at % 32 * 4;
      for (int g = 0; g < groups; ++g) {
        I h[rows][width], t[rows][width];
        STRATA_UNROLL for (int r = 0; r < rows; ++r)
          STRATA_UNROLL for (int w = 0; w < width; ++w) {
            h[r][w] = I::zero();
            t[r][w] = I::broadcast4(negative + g * kBand + r);
          }
        for (int quad = g * 8; quad < g * 8 + 8; quad += kNibbles ? 2 : 1, k += 128) {
          if (s.next) fetch<64 * width>(ahead);
          ahead += 64 * width;
          STRATA_UNROLL for (int part = 0; part < (kNibbles ? 2 : 1); ++part)
            STRATA_UNROLL for (int w = 0; w < width; ++w) {
              const I line = I::load(k + 64 * w);
              const I code = !kNibbles  ? line
                             : part == 0 ? line & I::set1_u8(15)
                                         : shr8<4>(line);
              STRATA_UNROLL for (int r = 0; r < rows; ++r) {
                h[r][w] = dot(h[r][w], code, high + (quad + part) * kBand + r);
                t[r][w] = dot(t[r][w], code, low + (quad + part) * kBand + r);
              }
            }
        }
        float* p = s.rows->p + s.first * kKvBlock + at;
        STRATA_UNROLL for (int w = 0; w < width; ++w) {
          const F scale = F::load_f16(scales + g * kKvBlock + at + 16 * w);
          STRATA_UNROLL for (int r = 0; r < rows; ++r) {
            const F x = to_f(add32(shl32<7>(h[r][w]), t[r][w])) * F::set1(unit[r]);
            float* to = p + r * kKvBlock + 16 * w;
            fma(x, scale, g ? F::load(to) : F::zero()).store(to);
          }
        }
      }
    }
  }

  /// The weights of one row times the scales of one tile of values. Returns the unit.
  static float fold(const float* p, const uint16_t* scales, Fixed& x, int32_t& negative) {
    F u[4], top = F::zero();
    STRATA_UNROLL for (int i = 0; i < 4; ++i) {
      const F w = F::load(p + 16 * i);
      // A scale that was never stored may be NaN.
      u[i] = select(gt(w, F::zero()), w * F::load_f16(scales + 16 * i), F::zero());
      top = max(abs(u[i]), top);
    }
    const float most = reduce_max(top), sum = reduce_add((u[0] + u[1]) + (u[2] + u[3]));
    const F inverse = F::set1(most > 0 ? kFixedMost / most : 0);
    I total = I::zero();
    STRATA_UNROLL for (int i = 0; i < 4; ++i)
      total = add32(total, to_fixed(u[i], inverse, x.high + 16 * i, x.low + 16 * i));
    // Without meaning, and of any size, if a value was not a number: it wraps.
    negative = int32_t(-uint32_t(kOffset) * uint32_t(reduce_add(total)));
    return sum == sum ? most / kFixedMost : sum;
  }

  template <int rows, int width>
  STRATA_INLINE void mix_codes(I (&acc)[rows][width], const uint8_t* tile, int vec,
                               const Fixed* x, bool use_high, const uint8_t* ahead) {
    for (int quad = 0; quad < kKvBlock / 4; ++quad) {
      if (ahead) {
        fetch<kNibbles ? 32 * width : 64 * width>(ahead);
        ahead += kNibbles ? 32 * width : 64 * width;
      }
      STRATA_UNROLL for (int w = 0; w < width; ++w) {
        I code;
        if constexpr (kNibbles) {
          const I line = I::load(tile + (quad * 32 + (vec + w) % 2 * 16) * 4);
          code = (vec + w) / 2 ? shr8<4>(line) : line & I::set1_u8(15);
        } else {
          code = I::load(tile + (quad * 64 + (vec + w) * 16) * 4);
        }
        STRATA_UNROLL for (int r = 0; r < rows; ++r)
          acc[r][w] = dot(acc[r][w], code, (use_high ? x[r].high : x[r].low) + 4 * quad);
      }
    }
  }

  template <int rows>
  STRATA_INLINE void mix(const Step& s, int row, int, int) {
    constexpr int width = rows * 4 + 3 <= kRegisters ? 4 : rows * 2 + 3 <= kRegisters ? 2 : 1;
    const KvLayout& l = s.rows->task->layout;
    const int pitch = l.d_v_padded();
    const uint8_t* ahead = s.next;
    for (int at = 0; at < l.d_v_stored(); at += kKvValueGroup) {
      const uint8_t* tile = s.v + size_t(at / kKvValueGroup) * l.v_tile_bytes();
      const uint16_t* scales = reinterpret_cast<const uint16_t*>(tile + l.v_tile_code_bytes());
      Fixed x[rows];
      float unit[rows];
      int32_t negative[rows];
      STRATA_UNROLL for (int r = 0; r < rows; ++r)
        unit[r] = fold(s.rows->p + (row + r) * kKvBlock, scales, x[r], negative[r]);
      STRATA_UNROLL for (int vec = 0; vec < 4; vec += width) {
        if (at + 16 * vec >= pitch) break;
        I acc[rows][width];
        STRATA_UNROLL for (int r = 0; r < rows; ++r)
          STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w] = I::zero();
        mix_codes<rows, width>(acc, tile, vec, x, true, ahead);
        if (ahead) ahead += kNibbles ? 32 * width * 16 : 64 * width * 16;
        STRATA_UNROLL for (int r = 0; r < rows; ++r)
          STRATA_UNROLL for (int w = 0; w < width; ++w)
            acc[r][w] = add32(shl32<7>(acc[r][w]), I::set1(negative[r]));
        mix_codes<rows, width>(acc, tile, vec, x, false, nullptr);
        STRATA_UNROLL for (int r = 0; r < rows; ++r)
          STRATA_UNROLL for (int w = 0; w < width; ++w) {
            if (at + 16 * (vec + w) >= pitch) continue;
            float* out = s.rows->out + (row + r) * pitch + at + 16 * (vec + w);
            fma(to_f(acc[r][w]), F::set1(unit[r]), F::load(out)).store(out);
          }
      }
    }
  }
};

}  // namespace

static void run(const Attend& task) {
  if (task.layout.type == KvType::q8_0) return attend_rows<IntForm<KvType::q8_0>>(task);
  attend_rows<IntForm<KvType::q4_0>>(task);
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void attend_int(const Attend& task) { STRATA_PICK(run)(task); }

}  // namespace strata::kernel
#endif
