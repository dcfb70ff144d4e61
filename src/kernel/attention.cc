// Rows go through a block together, as a band: each K and V line is loaded and widened once for all
// rows of the band. A band's scores of one block (64 a row) stay in scratch between the two loops.
#include "base/check.h"
#include "kernel/attention.h"
#define STRATA_KERNEL "kernel/attention.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {
namespace {

// A register tile: `rows` x `width` accumulators, `width` vectors of K or V, one query value.
constexpr int tile_width(int rows) {
  for (int width = 4; width > 1; width /= 2)
    if (rows * width + width + 1 <= kRegisters) return width;
  return 1;
}
constexpr int kBandRows = kRegisters >= 32 ? kAttendRows : kAttendRows / 2;

// The maximum of a row that has seen no position: finite, so that differences of two are never NaN.
constexpr float kNothing = -3.4e38f;

struct Scratch {
  alignas(64) float q[kAttendDim * kAttendRows];     // [d_k][row], scaled
  alignas(64) float p[kAttendRows * kKvBlock];       // scores, then weights, of one block
  alignas(64) float out[kAttendRows * kAttendDim];   // [row][d_v_padded], unnormalised
  alignas(64) float top[16], sum[16];                // of each row
  alignas(64) float values[kKvBlock * kAttendDim];   // latent: V of one block, widened
  int widened = -1;                                  // which block
};

/// What a band does in one block.
struct Step {
  const Attend* task;
  Scratch* scratch;
  int first_row;
  int block;              // logical
  const uint8_t *k, *v;   // of this block and head
  const uint8_t* next;    // where the K of the next block starts
};

template <KvType type>
STRATA_INLINE F load_element(const uint8_t* p) {
  if constexpr (type == KvType::f32) return F::load(reinterpret_cast<const float*>(p));
  else if constexpr (type == KvType::f16) return F::load_f16(reinterpret_cast<const uint16_t*>(p));
  else return F::load_bf16(reinterpret_cast<const uint16_t*>(p));
}
template <KvType type>
constexpr int kElement = type == KvType::f32 ? 4 : 2;

STRATA_INLINE int clamped(int x, int low, int high) { return x < low ? low : x > high ? high : x; }
/// The part of the block that row `r` of the band attends: [begin_of, end_of), in 0 .. 64.
STRATA_INLINE int begin_of(const Step& s, int r) {
  return clamped(s.task->rows[s.first_row + r].begin - s.block * kKvBlock, 0, kKvBlock);
}
STRATA_INLINE int end_of(const Step& s, int r) {
  return clamped(s.task->rows[s.first_row + r].end - s.block * kKvBlock, 0, kKvBlock);
}

// The hardware's prefetcher halts at pages, does not follow the block table and falls behind where
// the arithmetic is dense: V is fetched during the loop over K, the next K during the one over V.
// Into L2: into L1 it was slower than none, the fill buffers being few.
template <int bytes>
STRATA_INLINE void fetch(const uint8_t* p) {
  STRATA_UNROLL for (int i = 0; i < bytes; i += 64) __builtin_prefetch(p + i, 0, 2);
}

}  // namespace

/// p[row][position] = q . k for all 64 positions; what does not count is masked later.
template <KvType type, int rows>
static void score(const Step& s) {
  constexpr int width = tile_width(rows), line = kElement<type> * kKvBlock;
  constexpr int tile_bytes = kElement<type> * 16 * width;
  const int d_k = s.task->layout.d_k;
  const uint8_t* ahead = s.v;
  for (int at = 0; at < kKvBlock; at += 16 * width) {
    F acc[rows][width];
    STRATA_UNROLL for (int r = 0; r < rows; ++r)
      STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w] = F::zero();
    const uint8_t* k = s.k + at * kElement<type>;
    const float* q = s.scratch->q + s.first_row;
    for (int i = 0; i < d_k; ++i, k += line, q += kAttendRows) {
      F key[width];
      STRATA_UNROLL for (int w = 0; w < width; ++w)
        key[w] = load_element<type>(k + w * 16 * kElement<type>);
      fetch<tile_bytes>(ahead);
      ahead += tile_bytes;
      STRATA_UNROLL for (int r = 0; r < rows; ++r) {
        const F x = F::set1(q[r]);
        STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w] = fma(key[w], x, acc[r][w]);
      }
    }
    float* p = s.scratch->p + s.first_row * kKvBlock + at;
    STRATA_UNROLL for (int r = 0; r < rows; ++r)
      STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w].store(p + r * kKvBlock + 16 * w);
  }
}

static float cap_and_mask(const Step& s, int r) {
  float* p = s.scratch->p + (s.first_row + r) * kKvBlock;
  if (s.task->softcap > 0) {
    const F cap = F::set1(s.task->softcap), inverse = F::set1(1 / s.task->softcap);
    for (int i = 0; i < kKvBlock; i += 16) (cap * tanh(F::load(p + i) * inverse)).store(p + i);
  }
  const AttendRow& row = s.task->rows[s.first_row + r];
  if (row.slope != 0) {
    const F slope = F::set1(row.slope);
    F away = to_f(I::iota()) + F::set1(float(s.block * kKvBlock - row.position));
    for (int i = 0; i < kKvBlock; i += 16, away = away + F::set1(16))
      fnma(slope, abs(away), F::load(p + i)).store(p + i);
  }
  const int begin = begin_of(s, r), end = end_of(s, r);
  for (int i = 0; i < begin; ++i) p[i] = -__builtin_inff();
  for (int i = end; i < kKvBlock; ++i) p[i] = -__builtin_inff();
  return reduce_max(max(max(F::load(p), F::load(p + 16)), max(F::load(p + 32), F::load(p + 48))));
}

/// Scores become weights e^(score - top); what earlier blocks left is rescaled where `top` rises.
static void weigh(const Step& s, int rows) {
  Scratch& scratch = *s.scratch;
  alignas(64) float top[16], sum[16], decay[16];
  F::set1(kNothing).store(top);
  F::zero().store(sum);
  for (int r = 0; r < rows; ++r) top[s.first_row + r] = cap_and_mask(s, r);

  const F before = F::load(scratch.top), now = max(before, F::load(top));
  const F factor = exp(before - now);
  factor.store(decay);
  now.store(scratch.top);
  const int pitch = s.task->layout.d_v_padded();
  if (any(gt(now, before)))
    for (int r = s.first_row; r < s.first_row + rows; ++r) {
      if (decay[r] == 1) continue;
      float* out = scratch.out + r * pitch;
      const F f = F::set1(decay[r]);
      for (int i = 0; i < pitch; i += 16) (F::load(out + i) * f).store(out + i);
    }

  for (int r = s.first_row; r < s.first_row + rows; ++r) {
    float* p = scratch.p + r * kKvBlock;
    const F t = F::set1(scratch.top[r]);
    F total = F::zero();
    for (int i = 0; i < kKvBlock; i += 16) {
      const F weight = exp(F::load(p + i) - t);
      weight.store(p + i);
      total = total + weight;
    }
    sum[r] = reduce_add(total);
  }
  fma(F::load(scratch.sum), factor, F::load(sum)).store(scratch.sum);
}

/// out[row][at ..] += sum over the positions [begin, end) of p[row][position] v[position].
template <KvType type, int rows, int width>
STRATA_INLINE const uint8_t* mix_tile(const Step& s, int row, int begin, int end, int at,
                                      const uint8_t* ahead) {
  constexpr int tile_bytes = kElement<type> * 16 * width;
  const int pitch = s.task->layout.d_v_padded();
  float* out = s.scratch->out + row * pitch + at;
  F acc[rows][width];
  STRATA_UNROLL for (int r = 0; r < rows; ++r)
    STRATA_UNROLL for (int w = 0; w < width; ++w) acc[r][w] = F::load(out + r * pitch + 16 * w);
  const uint8_t* v = s.v + (size_t(begin) * pitch + at) * kElement<type>;
  const float* p = s.scratch->p + row * kKvBlock;
  for (int i = begin; i < end; ++i, v += size_t(pitch) * kElement<type>) {
    F value[width];
    STRATA_UNROLL for (int w = 0; w < width; ++w)
      value[w] = load_element<type>(v + w * 16 * kElement<type>);
    fetch<tile_bytes>(ahead);
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

template <KvType type, int rows>
static void mix(const Step& s, int row, int begin, int end) {
  constexpr int width = tile_width(rows);
  const int pitch = s.task->layout.d_v_padded();
  const uint8_t* ahead = s.next;
  int at = 0;
  for (; at + 16 * width <= pitch; at += 16 * width)
    ahead = mix_tile<type, rows, width>(s, row, begin, end, at, ahead);
  if constexpr (width == 4)
    for (; at + 32 <= pitch; at += 32) mix_tile<type, rows, 2>(s, row, begin, end, at, ahead);
  for (; at < pitch; at += 16) mix_tile<type, rows, 1>(s, row, begin, end, at, ahead);
}

/// The values of a latent block, [position][d_v_padded] floats, out of K [d_k][position].
template <KvType type>
static void widen_values(const KvLayout& layout, const uint8_t* k, float* values) {
  const int pitch = layout.d_v_padded();
  for (int i = 0; i < layout.d_v; ++i)
    for (int p = 0; p < kKvBlock; p += 16) {
      float lanes[16];
      load_element<type>(k + (size_t(i) * kKvBlock + p) * kElement<type>).store(lanes);
      STRATA_UNROLL for (int j = 0; j < 16; ++j) values[size_t(p + j) * pitch + i] = lanes[j];
    }
  for (int p = 0; p < kKvBlock; ++p)
    for (int i = layout.d_v; i < pitch; ++i) values[size_t(p) * pitch + i] = 0;
}

/// All rows over one block. Positions that only some rows attend are mixed row by row: a weight
/// of 0 would not protect the others from a NaN in V.
template <KvType type, KvType values, int rows>
static void attend_block(const Step& s) {
  score<type, rows>(s);
  weigh(s, rows);
  int begin = 0, end = kKvBlock;   // what all rows attend
  for (int r = 0; r < rows; ++r) {
    if (begin_of(s, r) > begin) begin = begin_of(s, r);
    if (end_of(s, r) < end) end = end_of(s, r);
  }
  if (end < begin) end = begin;
  if (begin < end) mix<values, rows>(s, s.first_row, begin, end);
  if constexpr (rows > 1)
    for (int r = 0; r < rows; ++r) {
      const int row_begin = begin_of(s, r), row_end = end_of(s, r);
      const int left = row_end < begin ? row_end : begin;
      const int right = row_begin > end ? row_begin : end;
      if (row_begin < left) mix<values, 1>(s, s.first_row + r, row_begin, left);
      if (right < row_end) mix<values, 1>(s, s.first_row + r, right, row_end);
    }
}

template <KvType type, KvType values>
static void attend_rows(const Step& s, int rows) {
  switch (rows) {
    case 1: return attend_block<type, values, 1>(s);
    case 2: return attend_block<type, values, 2>(s);
    case 3: return attend_block<type, values, 3>(s);
    case 4: return attend_block<type, values, 4>(s);
  }
  if constexpr (kBandRows > 4) switch (rows) {
    case 5: return attend_block<type, values, 5>(s);
    case 6: return attend_block<type, values, 6>(s);
    case 7: return attend_block<type, values, 7>(s);
    case 8: return attend_block<type, values, 8>(s);
  }
}

template <KvType type>
static void attend_rows_of(Step& s, int rows) {
  const KvLayout& layout = s.task->layout;
  if (!layout.latent) return attend_rows<type, type>(s, rows);
  if (s.scratch->widened != s.block) widen_values<type>(layout, s.k, s.scratch->values);
  s.scratch->widened = s.block;
  s.v = reinterpret_cast<const uint8_t*>(s.scratch->values);
  attend_rows<type, KvType::f32>(s, rows);
}

static void begin(const Attend& task, Scratch& scratch) {
  for (int r = 0; r < task.n_row; ++r)
    for (int i = 0; i < task.layout.d_k; ++i)
      scratch.q[i * kAttendRows + r] = task.rows[r].q[i] * task.scale;
  for (int i = 0; i < task.n_row * task.layout.d_v_padded(); i += 16)
    F::zero().store(scratch.out + i);
  F::set1(kNothing).store(scratch.top);
  F::zero().store(scratch.sum);
  for (int r = 0; r < task.n_row; ++r)
    if (task.rows[r].sink != kNoSink) {
      scratch.top[r] = task.rows[r].sink;
      scratch.sum[r] = 1;
    }
}

static void finish(const Attend& task, const Scratch& scratch) {
  const int d_v = task.layout.d_v, pitch = task.layout.d_v_padded();
  for (int r = 0; r < task.n_row; ++r) {
    const float* from = scratch.out + r * pitch;
    const float sum = scratch.sum[r];
    if (float* partial = task.rows[r].partial) {
      for (int i = 0; i < pitch; i += 16) F::load(from + i).store(partial + i);
      partial[pitch] = scratch.top[r];
      partial[pitch + 1] = sum;
    } else {
      const F inverse = F::set1(sum == 0 ? 0 : 1 / sum);
      for (int i = 0; i < d_v; i += 16)
        (F::load(from + i) * inverse).store(task.rows[r].out + i, d_v - i < 16 ? d_v - i : 16);
    }
  }
}

static bool attends(const AttendRow& row, int block) {
  return row.begin < row.end && row.begin < (block + 1) * kKvBlock && row.end > block * kKvBlock;
}

static const uint8_t* keys_of(const Attend& task, int block) {
  return task.pool + task.table[block] * task.block_stride + task.head * task.layout.head_bytes();
}

static void attend_band(const Attend& task, Scratch& scratch, int first_row, int rows, int block) {
  bool more = false;   // does the band go on into the next block?
  for (int r = first_row; r < first_row + rows; ++r)
    more |= block + 1 < task.block_end && attends(task.rows[r], block + 1);
  const uint8_t* k = keys_of(task, block);
  Step step{&task, &scratch, first_row, block, k, k + task.layout.k_bytes(),
                  more ? keys_of(task, block + 1) : k};
  switch (task.layout.type) {
    case KvType::f32: return attend_rows_of<KvType::f32>(step, rows);
    case KvType::f16: return attend_rows_of<KvType::f16>(step, rows);
    case KvType::bf16: return attend_rows_of<KvType::bf16>(step, rows);
  }
}

static void run(const Attend& task) {
  Scratch scratch;
  begin(task, scratch);
  for (int block = task.block_begin; block < task.block_end; ++block)
    for (int row = 0; row < task.n_row;) {
      int rows = 0;   // a band: neighbouring rows that attend this block
      while (row + rows < task.n_row && rows < kBandRows && attends(task.rows[row + rows], block))
        ++rows;
      if (rows > 0) attend_band(task, scratch, row, rows, block);
      row += rows > 0 ? rows : 1;
    }
  finish(task, scratch);
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void attend(const Attend& task) {
  STRATA_CHECK(task.n_row >= 1 && task.n_row <= kAttendRows);
  STRATA_CHECK(task.layout.d_k >= 1 && task.layout.d_k <= kAttendDim);
  STRATA_CHECK(task.layout.d_v >= 1 && task.layout.d_v <= kAttendDim);
  STRATA_CHECK(!task.layout.latent || task.layout.d_v <= task.layout.d_k);
  STRATA_PICK(run)(task);
}

}  // namespace strata::kernel
#endif
