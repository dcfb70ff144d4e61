// K and V as floats: one fused multiply-add a product. Serves every level and every type.
#include "base/check.h"
#include "kernel/attention_forms.h"
#define STRATA_KERNEL "kernel/attention_float.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/attention_rows.h"
namespace strata::kernel::STRATA_ISA {
namespace {

// A register tile: `rows` x `width` accumulators, `width` vectors of K or V, one query value.
constexpr int tile_width(int rows) {
  for (int width = 4; width > 1; width /= 2)
    if (rows * width + width + 1 <= kRegisters) return width;
  return 1;
}

template <KvType type>
STRATA_INLINE F load_element(const uint8_t* p) {
  if constexpr (type == KvType::f16) return F::load_f16(reinterpret_cast<const uint16_t*>(p));
  else return F::load(reinterpret_cast<const float*>(p));
}

template <KvType type>
struct FloatForm {
  static constexpr int kBand = kRegisters >= 32 ? 8 : 4, kElement = type == KvType::f32 ? 4 : 2;
  static constexpr bool kRagged = true;

  static int query_floats(const KvLayout& layout) { return layout.d_k; }

  static void set_query(const KvLayout& layout, const float* q, int slot, float* query) {
    for (int i = 0; i < layout.d_k; ++i) query[i * kBand + slot] = q[i];
  }

  template <int rows>
  STRATA_INLINE void score(const Step& s) {
    constexpr int width = tile_width(rows), line = kElement * kKvBlock;
    constexpr int tile_bytes = kElement * 16 * width;
    const int d_k = s.rows->task->layout.d_k;
    const uint8_t* ahead = s.v;
    for (int at = 0; at < kKvBlock; at += 16 * width) {
      F acc[rows][width];
      STRATA_UNROLL for (int r = 0; r < rows; ++r)
        STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w] = F::zero();
      const uint8_t* k = s.k + at * kElement;
      const float* q = s.query + s.slot;
      for (int i = 0; i < d_k; ++i, k += line, q += kBand) {
        F key[width];
        STRATA_UNROLL for (int w = 0; w < width; ++w)
          key[w] = load_element<type>(k + w * 16 * kElement);
        if (s.next) fetch<tile_bytes>(ahead);
        ahead += tile_bytes;
        STRATA_UNROLL for (int r = 0; r < rows; ++r) {
          const F x = F::set1(q[r]);
          STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w] = fma(key[w], x, acc[r][w]);
        }
      }
      float* p = s.rows->p + s.first * kKvBlock + at;
      STRATA_UNROLL for (int r = 0; r < rows; ++r)
        STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w].store(p + r * kKvBlock + 16 * w);
    }
  }

  template <int rows, int width>
  STRATA_INLINE const uint8_t* mix_tile(const Step& s, int row, int begin, int end, int at,
                                        const uint8_t* ahead) {
    constexpr int tile_bytes = kElement * 16 * width;
    const int pitch = s.rows->task->layout.d_v_padded();
    float* out = s.rows->out + row * pitch + at;
    F acc[rows][width];
    STRATA_UNROLL for (int r = 0; r < rows; ++r)
      STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w] = F::load(out + r * pitch + 16 * w);
    const uint8_t* v = s.v + (size_t(begin) * pitch + at) * kElement;
    const float* p = s.rows->p + row * kKvBlock;
    for (int i = begin; i < end; ++i, v += size_t(pitch) * kElement) {
      F value[width];
      STRATA_UNROLL for (int w = 0; w < width; ++w)
        value[w] = load_element<type>(v + w * 16 * kElement);
      if (s.next) fetch<tile_bytes>(ahead);
      ahead += tile_bytes;
      STRATA_UNROLL for (int r = 0; r < rows; ++r) {
        const F x = F::set1(p[r * kKvBlock + i]);
        STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w] = fma(value[w], x, acc[r][w]);
      }
    }
    STRATA_UNROLL for (int r = 0; r < rows; ++r)
      STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w].store(out + r * pitch + 16 * w);
    return ahead;
  }

  template <int rows>
  STRATA_INLINE void mix(const Step& s, int row, int begin, int end) {
    constexpr int width = tile_width(rows);
    const int pitch = s.rows->task->layout.d_v_padded();
    const uint8_t* ahead = s.next;
    int at = 0;
    for (; at + 16 * width <= pitch; at += 16 * width)
      ahead = mix_tile<rows, width>(s, row, begin, end, at, ahead);
    if constexpr (width == 4)
      for (; at + 32 <= pitch; at += 32) mix_tile<rows, 2>(s, row, begin, end, at, ahead);
    if constexpr (width > 1)
      for (; at < pitch; at += 16) mix_tile<rows, 1>(s, row, begin, end, at, ahead);
  }
};

}  // namespace

static void run(const Attend& task, bool widen) {
  const KvType type = task.layout.type;
  using Stored = FloatForm<KvType::f32>;
  if (!widen) {
    if (type == KvType::f32) return attend_rows<Stored>(task);
    if (type == KvType::f16) return attend_rows<FloatForm<KvType::f16>>(task);
  }
  switch (type) {
    case KvType::f32: return attend_rows<Stored, Widen<KvType::f32, FloatTarget>>(task);
    case KvType::f16: return attend_rows<Stored, Widen<KvType::f16, FloatTarget>>(task);
    case KvType::bf16: return attend_rows<Stored, Widen<KvType::bf16, FloatTarget>>(task);
    case KvType::q8_0: return attend_rows<Stored, Widen<KvType::q8_0, FloatTarget>>(task);
    case KvType::q4_0: return attend_rows<Stored, Widen<KvType::q4_0, FloatTarget>>(task);
  }
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void attend_float(const Attend& task, bool widen) { STRATA_PICK(run)(task, widen); }

}  // namespace strata::kernel
#endif
