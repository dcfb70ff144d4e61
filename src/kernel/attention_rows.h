// Attention of many rows over one KV head, whatever the arithmetic: the walk over blocks and bands,
// the online softmax, what is handed out. No include guard: once per instruction set.
//
// Rows go through a block in bands, so that each line of K and V is loaded once for a band. A Form
// is the arithmetic of a cache type, with these static members:
//   kBand                               rows of a band, at most
//   query_floats(layout)                scratch of one row's query
//   set_query(layout, q, slot, query)   takes a row's query (scaled; zeros up to 64), row `slot`
//   score<rows>(step)                   p[row][0 .. 63] = scale * q.k
//   mix<rows>(step, row, begin, end)    out[row] += sum over [begin, end) of p[row][i] v[i]
//   kRagged                             whether mix keeps what lies outside [begin, end) out of the
//                                       sum even if it is NaN with weight 0
#include "kernel/attention_widen.h"
namespace strata::kernel::STRATA_ISA {

// The maximum of a row that has seen no position: finite, so that differences of two are never NaN.
static constexpr float kNothing = -3.4e38f;

/// Rows that are in work together, each with its slice of the area.
struct Rows {
  const Attend* task;
  int band;         // rows of a band: as even as can be
  int query_floats;
  float* query;     // [band][query_floats * kBand]: as the form lays it out
  float* p;         // [row][64]: scores, then weights, of one block
  float* out;       // [row][d_v_padded], unnormalised
  float* sum;       // [row][16]: sums of weights by lane
  float* top;       // [row]: the highest score yet
};

/// What a band does in one block.
struct Step {
  const Rows* rows;
  int first;                // row
  int slot;                 // of the first row in its band
  const float* query;       // of the band
  int block;                // logical
  const uint8_t *k, *v;     // of this block and head
  const uint16_t* centre;   // of the keys, [d_k_padded]; null: none
  const uint8_t* next;      // where the K of the next block starts; null: do not fetch ahead
};

STRATA_INLINE int clamped(int x, int low, int high) { return x < low ? low : x > high ? high : x; }
/// The part of the block that row `r` attends: [begin_of, end_of), in 0 .. 64.
STRATA_INLINE int begin_of(const Step& s, int r) {
  return clamped(s.rows->task->rows[r].begin - s.block * kKvBlock, 0, kKvBlock);
}
STRATA_INLINE int end_of(const Step& s, int r) {
  return clamped(s.rows->task->rows[r].end - s.block * kKvBlock, 0, kKvBlock);
}

// The hardware's prefetcher halts at pages, does not follow the block table and falls behind where
// the arithmetic is dense: V is fetched during the loop over K, the next K during the one over V.
// Into L2: into L1 it was slower than none, the fill buffers being few.
template <int bytes>
STRATA_INLINE void fetch(const uint8_t* p) {
  STRATA_UNROLL for (int i = 0; i < bytes; i += 64) __builtin_prefetch(p + i, 0, 2);
}

/// Soft cap, slope and range of one row's scores.
static void mask(const Step& s, int r, float* p) {
  const Attend& task = *s.rows->task;
  const AttendRow& row = task.rows[r];
  if (task.softcap > 0) {
    const F cap = F::set1(task.softcap), inverse = F::set1(1 / task.softcap);
    for (int i = 0; i < kKvBlock; i += 16) (cap * tanh(F::load(p + i) * inverse)).store(p + i);
  }
  if (row.slope != 0) {
    const F slope = F::set1(row.slope);
    F away = to_f(I::iota()) + F::set1(float(s.block * kKvBlock - row.position));
    for (int i = 0; i < kKvBlock; i += 16, away = away + F::set1(16))
      fnma(slope, abs(away), F::load(p + i)).store(p + i);
  }
  for (int i = 0; i < begin_of(s, r); ++i) p[i] = -__builtin_inff();
  for (int i = end_of(s, r); i < kKvBlock; ++i) p[i] = -__builtin_inff();
}

/// Scores become weights e^(score - top); what earlier blocks left is rescaled where `top` rises.
static void weigh(const Step& s, int r) {
  const Rows& rows = *s.rows;
  float* p = rows.p + r * kKvBlock;
  const Attend& task = *rows.task;
  if (task.softcap > 0 || task.rows[r].slope != 0 || begin_of(s, r) > 0 || end_of(s, r) < kKvBlock)
    mask(s, r, p);
  const F a = F::load(p), b = F::load(p + 16), c = F::load(p + 32), d = F::load(p + 48);
  const float most = reduce_max(max(max(a, b), max(c, d)));
  float* sums = rows.sum + r * 16;
  if (most > rows.top[r]) {
    const F decay = exp(F::set1(rows.top[r] - most));
    rows.top[r] = most;
    const int pitch = task.layout.d_v_padded();
    float* out = rows.out + r * pitch;
    for (int i = 0; i < pitch; i += 16) (F::load(out + i) * decay).store(out + i);
    (F::load(sums) * decay).store(sums);
  }
  const F top = F::set1(rows.top[r]);
  const F wa = exp(a - top), wb = exp(b - top), wc = exp(c - top), wd = exp(d - top);
  wa.store(p);
  wb.store(p + 16);
  wc.store(p + 32);
  wd.store(p + 48);
  (F::load(sums) + ((wa + wb) + (wc + wd))).store(sums);
}

/// Adds the part of row `r`'s scores that its keys have in common.
static void add_centre(const Step& s, int r) {
  const Attend& task = *s.rows->task;
  const float* q = task.rows[r].q;
  const int d = task.layout.d_k;
  F sum = F::zero();
  for (int i = 0; i < d; i += 16)
    sum = fma(F::load(q + i, d - i < 16 ? d - i : 16), F::load_f16(s.centre + i), sum);
  const F common = F::set1(reduce_add(sum) * task.scale);
  float* p = s.rows->p + r * kKvBlock;
  for (int i = 0; i < kKvBlock; i += 16) (F::load(p + i) + common).store(p + i);
}

/// Rows of a band over one block. Positions that only some rows attend are mixed row by row where
/// a weight of 0 would not protect the others from a NaN in V.
template <class Form, int rows>
static __attribute__((noinline)) void attend_block(const Step& s) {
  Form::template score<rows>(s);
  int begin = 0, end = kKvBlock;   // what all rows attend
  for (int r = s.first; r < s.first + rows; ++r) {
    if (s.centre) add_centre(s, r);
    weigh(s, r);
    if (begin_of(s, r) > begin) begin = begin_of(s, r);
    if (end_of(s, r) < end) end = end_of(s, r);
  }
  if constexpr (!Form::kRagged) {
    begin = 0;
    end = kKvBlock;
  }
  if (end < begin) end = begin;
  if (begin < end) Form::template mix<rows>(s, s.first, begin, end);
  if constexpr (rows > 1 && Form::kRagged)
    for (int r = s.first; r < s.first + rows; ++r) {
      const int row_begin = begin_of(s, r), row_end = end_of(s, r);
      const int left = row_end < begin ? row_end : begin;
      const int right = row_begin > end ? row_begin : end;
      if (row_begin < left) Form::template mix<1>(s, r, row_begin, left);
      if (right < row_end) Form::template mix<1>(s, r, right, row_end);
    }
}

template <class Form>
static void attend_step(const Step& s, int rows) {
  switch (rows) {
    case 1: return attend_block<Form, 1>(s);
    case 2: return attend_block<Form, 2>(s);
    case 3: return attend_block<Form, 3>(s);
    case 4: return attend_block<Form, 4>(s);
  }
  if constexpr (Form::kBand > 4) switch (rows) {
    case 5: return attend_block<Form, 5>(s);
    case 6: return attend_block<Form, 6>(s);
  }
  if constexpr (Form::kBand > 6) switch (rows) {
    case 7: return attend_block<Form, 7>(s);
    case 8: return attend_block<Form, 8>(s);
  }
}

STRATA_INLINE bool attends(const AttendRow& row, int block) {
  return row.begin < row.end && row.begin < (block + 1) * kKvBlock && row.end > block * kKvBlock;
}

STRATA_INLINE const uint8_t* keys_of(const Attend& task, int block) {
  const int32_t id = task.table[block], page = task.pages ? task.pages[id] : id;
  return task.pool + page * task.block_stride + task.head * task.layout.head_bytes();
}

/// The band starting at row `first` over one block: neighbouring rows that attend it go together.
template <class Form>
static void attend_band(const Rows& rows, int first, int count, Step step) {
  const Attend& task = *rows.task;
  step.query = rows.query + size_t(first / rows.band) * rows.query_floats * Form::kBand;
  for (int r = 0; r < count;) {
    int n = 0;
    while (r + n < count && attends(task.rows[first + r + n], step.block)) ++n;
    step.first = first + r;
    step.slot = r;
    if (n > 0) attend_step<Form>(step, n);
    r += n > 0 ? n : 1;
  }
}

template <class Form>
static void begin(const Rows& rows) {
  const Attend& task = *rows.task;
  const int pitch = task.layout.d_v_padded();
  for (int first = 0; first < task.n_row; first += rows.band) {
    float* query = rows.query + size_t(first / rows.band) * rows.query_floats * Form::kBand;
    for (int r = 0; r < rows.band && first + r < task.n_row; ++r) {
      alignas(64) float q[kAttendDim + 64];
      const int d = task.layout.d_k;
      for (int i = 0; i < d; ++i)
        q[i] = task.rows[first + r].q[i] * task.scale * (task.unit ? task.unit[i] : 1);
      for (int i = d; i < (d + 63) / 64 * 64; ++i) q[i] = 0;
      if (task.layout.rotated) kv_rotate(q, d, task.layout.k_rotation());
      Form::set_query(task.layout, q, r, query);
    }
  }
  for (int i = 0; i < task.n_row * pitch; i += 16) F::zero().store(rows.out + i);
  for (int r = 0; r < task.n_row; ++r) {
    const bool sink = task.rows[r].sink != kNoSink;
    F::zero().store(rows.sum + r * 16);
    rows.top[r] = sink ? task.rows[r].sink : kNothing;
    if (sink) rows.sum[r * 16] = 1;
  }
}

static void finish(const Rows& rows) {
  const Attend& task = *rows.task;
  const int d_v = task.layout.d_v, pitch = task.layout.d_v_padded();
  for (int r = 0; r < task.n_row; ++r) {
    float* from = rows.out + r * pitch;
    const float sum = reduce_add(F::load(rows.sum + r * 16));
    if (task.layout.rotated) kv_rotate(from, d_v, task.layout.v_rotation());
    if (float* partial = task.rows[r].partial) {
      for (int i = 0; i < pitch; i += 16) F::load(from + i).store(partial + i);
      partial[pitch] = rows.top[r];
      partial[pitch + 1] = sum;
    } else {
      const F inverse = F::set1(sum == 0 ? 0 : 1 / sum);
      for (int i = 0; i < d_v; i += 16)
        (F::load(from + i) * inverse).store(task.rows[r].out + i, d_v - i < 16 ? d_v - i : 16);
    }
  }
}

STRATA_INLINE bool any_attends(const Attend& task, int block) {
  for (int r = 0; r < task.n_row; ++r)
    if (attends(task.rows[r], block)) return true;
  return false;
}

struct AsStored {
  static constexpr size_t kBytes = 64;
};

/// All rows over all blocks. `Widen` rewrites each block into the form's layout
/// first, unless it is AsStored.
template <class Form, class Widen = AsStored>
static void attend_rows(const Attend& task) {
  alignas(64) float area[kAttendArea];
  alignas(64) uint8_t wide[Widen::kBytes];
  const int bands = (task.n_row + Form::kBand - 1) / Form::kBand;
  Rows rows{&task, (task.n_row + bands - 1) / bands, Form::query_floats(task.layout), area,
            nullptr, nullptr, nullptr, nullptr};
  rows.p = rows.query + (size_t(rows.query_floats) * bands * Form::kBand + 15) / 16 * 16;
  rows.out = rows.p + size_t(task.n_row) * kKvBlock;
  rows.sum = rows.out + size_t(task.n_row) * task.layout.d_v_padded();
  rows.top = rows.sum + size_t(task.n_row) * 16;
  begin<Form>(rows);

  for (int block = task.block_begin; block < task.block_end; ++block) {
    if (!any_attends(task, block)) continue;
    const bool more = block + 1 < task.block_end && any_attends(task, block + 1);
    const uint8_t* k = keys_of(task, block);
    Step step{&rows, 0, 0, nullptr, block, k, k + task.layout.k_bytes(), nullptr,
              more ? keys_of(task, block + 1) : k};
    if (task.layout.centred)
      step.centre = reinterpret_cast<const uint16_t*>(k + task.layout.k_centre_at());
    if constexpr (!__is_same(Widen, AsStored)) {
      step.k = wide;
      step.v = Widen::block(task.layout, k, wide);
      step.next = nullptr;
    }
    for (int first = 0; first < task.n_row; first += rows.band) {
      const int left = task.n_row - first;
      attend_band<Form>(rows, first, left < rows.band ? left : rows.band, step);
      step.next = nullptr;   // once is enough
    }
  }
  finish(rows);
}

}  // namespace strata::kernel::STRATA_ISA
