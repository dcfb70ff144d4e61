// Attention over paged keys and values with an online softmax (arXiv:2205.14135 section 3.1).
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernel/kv.h"

namespace strata::kernel {

inline constexpr int kAttendDim = 576;  // largest d_k and d_v (latent attention has 512 + 64)
inline constexpr float kNoSink = -std::numeric_limits<float>::infinity();

/// One query row: attends positions [begin, end) of its sequence.
struct AttendRow {
  const float* q = nullptr;   // [d_k]
  float* out = nullptr;       // [d_v], or null when `partial` is given
  float* partial = nullptr;   // [d_v_padded + 16]: unnormalised output, then maximum, then sum
  int begin = 0, end = 0;
  int position = 0;           // its own, for the slope
  float slope = 0;            // ALiBi: scores -= slope * |position - position of the key|
  float sink = kNoSink;       // a logit that joins the softmax's sum; of split rows, in one part
};

/// Rows of one sequence that share a KV head (heads of a group, successive tokens, or both), over
/// the blocks [block_begin, block_end); of the table only blocks that a row attends are looked up.
/// K or V beyond a row's [begin, end) is never read into a result (stale memory may hold NaN). A
/// row without positions gives zeros (a partial: sum 0, or 1 with a sink).
struct Attend {
  KvLayout layout;
  const uint8_t* pool = nullptr;    // page p is at pool + p * block_stride
  size_t block_stride = 0;
  const int32_t* table = nullptr;   // id of each block of the sequence
  const int32_t* pages = nullptr;   // page of each id; null: the id itself
  int head = 0;                     // KV head
  const float* unit = nullptr;      // KeyFrame::unit of the head, if centred
  float scale = 1;                  // scores = scale * q.k
  float softcap = 0;                // > 0: softcap * tanh(score / softcap), before the slope
  int n_row = 0;
  const AttendRow* rows = nullptr;
  int block_begin = 0, block_end = 0;
};

/// The arithmetic follows the cache and the machine; sums are float32 always. Errors of an output,
/// as parts of the largest |v|, beyond what the cache lost when it was written:
///   f32, and f16 where fewer than 16 rows come together or bf16 has no dot product   1e-5
///   q8_0, q4_0: query and weights in fixed point of 15 bits                          1e-3
///   bf16, and all types but f32 for 16 rows and more: query and weights in bf16      1e-2
void attend(const Attend& task);
/// The most rows that one call takes; at least 64.
int attend_rows_max(const KvLayout& layout);

/// Log-sum-exp merge of `n` partials (stride floats apart) of one row into out[d_v].
void attend_merge(const float* partials, int64_t stride, int n, int d_v, float* out);

/// The naive twin: one row, two passes in f64 over plain arrays k, v [positions][d] (latent: k
/// alone). Of `task` it reads layout, scale and softcap.
void attend_reference(const Attend& task, const AttendRow& row, const float* k, const float* v,
                      float* out);

}  // namespace strata::kernel
