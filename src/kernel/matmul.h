// y = x W^T: weights packed once at load into 16-row groups, activations float or int8 records.
//
// A group is 16 consecutive rows; inside it one 64-byte line holds 16 rows x 4 columns, so int32
// lane r of a vector belongs to row r, and a thread that owns consecutive groups reads one
// ascending stream. Packed size equals the file's size up to the padding of the last group (and
// small header rounding). The last group is padded with zero rows.
#pragma once
#include "kernel/type.h"

namespace strata::kernel {

inline constexpr int kGroupRows = 16;

/// A packed weight matrix [rows, cols]. `data` is 64-byte aligned and owned by somebody else.
struct Matrix {
  Type type = Type::f32;
  int64_t rows = 0, cols = 0;
  const uint8_t* data = nullptr;
  bool round_input = false;   // bf16 and f8: products of many tokens may round activations to bf16
  int64_t groups() const { return (rows + kGroupRows - 1) / kGroupRows; }
};

/// Bytes of one packed group; a multiple of 64.
size_t group_bytes(Type type, int64_t cols);
/// Packs the groups [group_begin, group_end) of a stored matrix (row-major, as in the file) into
/// `packed` (the start of the whole packed matrix). Threads may pack disjoint ranges at once.
void pack(Type type, const void* stored, int64_t rows, int64_t cols, int64_t group_begin,
          int64_t group_end, uint8_t* packed);
/// out[cols] = row `row` of a packed matrix as floats (embedding look-up of tied heads).
void unpack_row(const Matrix& w, int64_t row, float* out);

/// int8 activations of 32 consecutive columns of one token. With e = the record's exponent step,
/// x[i] ~= q[i] * scale * 2^(exponent_bits >> 23), scale shared by 256 columns.
/// Tokens go in tiles of kTileTokens (the last may be smaller): for each 32-column block one record
/// per token of the tile, so a tile is one linear stream.
struct alignas(16) Record {
  int8_t q[32];
  int32_t neg_sum;      // -(q[0] + ... + q[31])
  int32_t neg_sum_hi;   // -(q[16] + ... + q[31])
  uint32_t exponent;    // k << 23: added to the bits of a float scale it multiplies by 2^k
  float scale;          // per 256 columns, already divided by 2^24
};
static_assert(sizeof(Record) == 48);
inline constexpr int kTileTokens = 6;

inline size_t record_count(int64_t cols, int64_t tokens) { return (cols + 31) / 32 * tokens; }
/// First record of the tile that starts at token t (a multiple of kTileTokens).
inline int64_t record_offset(int64_t cols, int64_t t) { return (cols + 31) / 32 * t; }

/// Quantises one tile of `tokens` (1 .. kTileTokens) rows x + i * stride, each `cols` floats
/// (cols % 32 == 0), into records. NaN and infinity give zeros, never a trap.
void quantise_tile(const float* x, int64_t stride, int64_t cols, int tokens, Record* out);

/// Input of a matmul: `tokens` rows of w.cols columns. `records` may be null (exact precision, or
/// float weights), then f32 is used; `f32` may be null when records are given and w is quantised.
struct Activation {
  const float* f32 = nullptr;
  int64_t stride = 0;               // floats between rows of f32
  const Record* records = nullptr;  // whole batch, tiled as above
  int tokens = 0;
};

/// Output: y[t * stride + row], added to what is there if `accumulate`; plus bias[row] if not null.
struct Output {
  float* y = nullptr;
  int64_t stride = 0;
  bool accumulate = false;
  const float* bias = nullptr;
};

/// One thread's share: groups [group_begin, group_end). Few tokens: memory-bound mat-vec unpacking
/// in registers; many: tiles unpacked once to int8 panels, then GEMM.
/// Errors, where A = |scale * code| + |offset or min| in place of a weight's magnitude:
///   records, against the values they stand for: (48 + cols / 256) 2^-24 sum(A |x|), since sums of
///     codes are exact and only the sums over blocks round;
///   records, against x: that plus, for every 256 columns, max|x| / 254 * sum|w|;
///   no records: (136 + cols / 128) 2^-24 sum(A |x|);
///   no records, w.round_input and many tokens: (2^-9 + 2^-14) sum(A |x|).
void matmul(const Matrix& w, const Activation& x, const Output& out, int64_t group_begin,
            int64_t group_end);

/// The naive twin for tests: f64 sums over to_f32 weights and over the values the records stand for
/// (or f32 if records are null). Takes the stored, not packed, matrix.
void matmul_reference(Type type, const void* stored, int64_t rows, int64_t cols,
                      const Activation& x, double* y);

}  // namespace strata::kernel
