// Attention over paged keys and values with an online softmax (arXiv:2205.14135 section 3.1).
//
// One block holds kKvBlock positions of all KV heads of one layer; inside it, head by head, first K
// as [d_k][64] then V as [64][d_v rounded up to 16]: one ascending stream a head. A latent cache
// has K alone; its values are the first d_v of each key (arXiv:2405.04434 section 2.1).
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

namespace strata::kernel {

inline constexpr int kKvBlock = 64;
inline constexpr int kAttendRows = 8;   // query rows that share one pass over K and V
inline constexpr int kAttendDim = 576;  // largest d_k and d_v (latent attention has 512 + 64)

inline constexpr float kNoSink = -std::numeric_limits<float>::infinity();

enum class KvType : uint8_t { f32, f16, bf16 };

struct KvLayout {
  KvType type = KvType::f16;
  int n_head_kv = 0, d_k = 0, d_v = 0;
  bool latent = false;
  int element_bytes() const { return type == KvType::f32 ? 4 : 2; }
  int d_v_padded() const { return (d_v + 15) / 16 * 16; }
  size_t k_bytes() const { return size_t(kKvBlock) * d_k * element_bytes(); }
  size_t v_bytes() const {
    return latent ? 0 : size_t(kKvBlock) * d_v_padded() * element_bytes();
  }
  size_t head_bytes() const { return (k_bytes() + v_bytes() + 63) / 64 * 64; }
  size_t block_bytes() const { return head_bytes() * n_head_kv; }
  double position_bytes() const { return double(block_bytes()) / kKvBlock; }   // of all heads
};

/// Stores one token's key [d_k] and value [d_v] of one head at `slot` (0 .. 63) of a block, rounded
/// to nearest even; f16 saturates at its largest finite value; NaN stays NaN. Latent: v is unused.
void kv_store(const KvLayout& layout, uint8_t* block, int head, int slot, const float* k,
              const float* v);

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

/// Up to kAttendRows rows of one sequence that share a KV head (heads of a group, successive
/// tokens, or both), over the blocks [block_begin, block_end); of the table only blocks that a row
/// attends are looked up. K or V beyond a row's [begin, end) is never read into a result (stale
/// memory may hold NaN). A row without positions gives zeros (a partial: sum 0, or 1 with a sink).
struct Attend {
  KvLayout layout;
  const uint8_t* pool = nullptr;    // block b is at pool + b * block_stride
  size_t block_stride = 0;
  const int32_t* table = nullptr;   // physical block of each logical block of the sequence
  int head = 0;                     // KV head
  float scale = 1;                  // scores = scale * q.k
  float softcap = 0;                // > 0: softcap * tanh(score / softcap), before the slope
  int n_row = 0;
  const AttendRow* rows = nullptr;
  int block_begin = 0, block_end = 0;
};
void attend(const Attend& task);

/// Log-sum-exp merge of `n` partials (stride floats apart) of one row into out[d_v].
void attend_merge(const float* partials, int64_t stride, int n, int d_v, float* out);

/// The naive twin: one row, two passes in f64 over plain arrays k, v [positions][d] (latent: k
/// alone). Of `task` it reads layout, scale and softcap.
void attend_reference(const Attend& task, const AttendRow& row, const float* k, const float* v,
                      float* out);

}  // namespace strata::kernel
