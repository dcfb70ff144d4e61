// K and V as pairs of bf16, for dot products of two: queries and weights are rounded to bf16 too,
// sums are float32.
#include "kernel/attention_forms.h"
#define STRATA_KERNEL "kernel/attention_pair.cc"
#define STRATA_LEVELS_BF16
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/attention_rows.h"
namespace strata::kernel::STRATA_ISA {
namespace {

// `rows` x `width` accumulators and one vector of K or V; query pairs are broadcast from memory.
constexpr int pair_width(int rows) {
  for (int width = 4; width > 1; width /= 2)
    if (rows * width + 3 <= kRegisters) return width;
  return 1;
}

struct PairForm {
  static constexpr int kBand = kRegisters >= 32 ? 7 : 4;
  static constexpr bool kRagged = true;

  static int query_floats(const KvLayout& layout) { return (layout.d_k + 1) / 2; }

  static void set_query(const KvLayout& layout, const float* q, int slot, float* query) {
    uint32_t* pairs = reinterpret_cast<uint32_t*>(query) + slot;
    for (int i = 0; i < (layout.d_k + 1) / 2; i += 16) {
      uint32_t bits[16];
      pack_bf16(F::load(q + 2 * i), F::load(q + 2 * i + 16)).store(bits);
      for (int j = 0; j < 16 && i + j < (layout.d_k + 1) / 2; ++j)
        pairs[size_t(i + j) * kBand] = bits[j];
    }
  }

  template <int rows>
  STRATA_INLINE void score(const Step& s) {
    constexpr int width = pair_width(rows), line = 4 * kKvBlock, tile_bytes = 64 * width;
    const int pairs = (s.rows->task->layout.d_k + 1) / 2;
    const uint8_t* ahead = s.v;
    for (int at = 0; at < kKvBlock; at += 16 * width) {
      F acc[rows][width];
      STRATA_UNROLL for (int r = 0; r < rows; ++r)
        STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w] = F::zero();
      const uint8_t* k = s.k + at * 4;
      const float* q = s.query + s.slot;
      for (int i = 0; i < pairs; ++i, k += line, q += kBand) {
        if (s.next) fetch<tile_bytes>(ahead);
        ahead += tile_bytes;
        STRATA_UNROLL for (int w = 0; w < width; ++w) {
          const I key = I::load(k + 64 * w);
          STRATA_UNROLL for (int r = 0; r < rows; ++r)
            acc[r][w] = dot2_bf16_bcast(acc[r][w], key, q + r);
        }
      }
      float* p = s.rows->p + s.first * kKvBlock + at;
      STRATA_UNROLL for (int r = 0; r < rows; ++r)
        STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w].store(p + r * kKvBlock + 16 * w);
    }
  }

  // Weights [rows][32] pairs. `keep` blanks the half of V that lies outside the range: 0 times what
  // is stored there might be NaN.
  template <int rows, int width>
  STRATA_INLINE void mix_pairs(F (&acc)[rows][width], const uint8_t* v, size_t line,
                               const uint32_t* weights, int begin, int end, I keep) {
    for (int i = begin; i < end; ++i)
      STRATA_UNROLL for (int w = 0; w < width; ++w) {
        const I value = I::load(v + i * line + 64 * w) & keep;
        STRATA_UNROLL for (int r = 0; r < rows; ++r)
          acc[r][w] = dot2_bf16_bcast(acc[r][w], value, weights + r * 32 + i);
      }
  }

  template <int rows, int width>
  STRATA_INLINE const uint8_t* mix_tile(const Step& s, const uint32_t* weights, int row, int begin,
                                        int end, int at, const uint8_t* ahead) {
    const int pitch = s.rows->task->layout.d_v_padded();
    const size_t line = size_t(pitch) * 4;
    float* out = s.rows->out + row * pitch + at;
    F acc[rows][width];
    STRATA_UNROLL for (int r = 0; r < rows; ++r)
      STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w] = F::load(out + r * pitch + 16 * w);
    const uint8_t* v = s.v + at * 4;
    int i = begin / 2;
    if (begin % 2) {
      const I high = I::set1(int32_t(0xffff0000));
      mix_pairs<rows, width>(acc, v, line, weights, i, i + 1, high);
      ++i;
    }
    for (; i < end / 2; ++i) {
      if (s.next) fetch<64 * width>(ahead);
      ahead += 64 * width;
      STRATA_UNROLL for (int w = 0; w < width; ++w) {
        const I value = I::load(v + i * line + 64 * w);
        STRATA_UNROLL for (int r = 0; r < rows; ++r)
          acc[r][w] = dot2_bf16_bcast(acc[r][w], value, weights + r * 32 + i);
      }
    }
    if (end % 2) mix_pairs<rows, width>(acc, v, line, weights, i, i + 1, I::set1(0xffff));
    STRATA_UNROLL for (int r = 0; r < rows; ++r)
      STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w].store(out + r * pitch + 16 * w);
    return ahead;
  }

  template <int rows>
  STRATA_INLINE void mix(const Step& s, int row, int begin, int end) {
    constexpr int width = pair_width(rows);
    alignas(64) uint32_t weights[rows * 32];
    const float* p = s.rows->p + row * kKvBlock;
    STRATA_UNROLL for (int r = 0; r < rows; ++r)
      STRATA_UNROLL for (int h = 0; h < 2; ++h)
        pack_bf16(F::load(p + r * kKvBlock + 32 * h), F::load(p + r * kKvBlock + 32 * h + 16))
            .store(weights + r * 32 + 16 * h);
    const int pitch = s.rows->task->layout.d_v_padded();
    const uint8_t* ahead = s.next;
    int at = 0;
    for (; at + 16 * width <= pitch; at += 16 * width)
      ahead = mix_tile<rows, width>(s, weights, row, begin, end, at, ahead);
    if constexpr (width == 4)
      for (; at + 32 <= pitch; at += 32)
        mix_tile<rows, 2>(s, weights, row, begin, end, at, ahead);
    if constexpr (width > 1)
      for (; at < pitch; at += 16) mix_tile<rows, 1>(s, weights, row, begin, end, at, ahead);
  }
};

}  // namespace

static bool is_fast() { return kHasBf16Dot; }

static void run(const Attend& task, bool widen) {
  if (!widen) return attend_rows<PairForm>(task);
  switch (task.layout.type) {
    case KvType::f32: return attend_rows<PairForm, Widen<KvType::f32, PairTarget>>(task);
    case KvType::f16: return attend_rows<PairForm, Widen<KvType::f16, PairTarget>>(task);
    case KvType::bf16: return attend_rows<PairForm, Widen<KvType::bf16, PairTarget>>(task);
    case KvType::q8_0: return attend_rows<PairForm, Widen<KvType::q8_0, PairTarget>>(task);
    case KvType::q4_0: return attend_rows<PairForm, Widen<KvType::q4_0, PairTarget>>(task);
  }
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void attend_pair(const Attend& task, bool widen) { STRATA_PICK(run)(task, widen); }
bool attend_pair_is_fast() { return STRATA_PICK(is_fast)(); }

}  // namespace strata::kernel
#endif
