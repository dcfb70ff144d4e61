// Operations that carry a state from one token of a sequence to the next: what state space models
// and linear attention keep instead of keys and values. Each call is one sequence and one share of
// its channels or heads; shares are independent, so threads take different ones.
//
// The state of a sequence that begins is all zeros. Running tokens in pieces gives what running
// them at once gives, up to rounding; results do not depend on the shares.
#pragma once
#include "kernel/ops.h"

namespace strata::kernel {

/// Rows of floats, `stride` apart.
struct ConstRows {
  const float* data = nullptr;
  int64_t stride = 0;
};

/// y[t][c] = act(bias[c] + sum_j weight[j][c] x[t - (taps - 1) + j][c]) with rows before x[0] out
/// of the state, which becomes the last taps - 1 rows.
/// Source: arXiv:2312.00752 section 3.4.
struct Conv1d {
  int taps = 0;
  int64_t channels = 0;
  const float* weight = nullptr;   // [taps][channels]
  const float* bias = nullptr;     // [channels]; null: 0
  Act act = Act::none;
  float* state = nullptr;          // [taps - 1][channels]
};
/// Channels [begin, end).
void conv1d(const Conv1d& conv, ConstRows x, int64_t n_token, int64_t begin, int64_t end, float* y,
            int64_t y_stride);

/// Mamba's scan. With h the state [d_state][channels] and s = softplus(dt[t][c]):
///   h[n][c] = e^(s a[n][c]) h[n][c] + s b[t][n] x[t][c],
///   y[t][c] = sum_n h[n][c] c[t][n] + d[c] x[t][c].
/// Source: arXiv:2312.00752 algorithm 2.
inline constexpr int kScanStateMax = 256;
struct SelectiveScan {
  int d_state = 0;                 // at most kScanStateMax
  int64_t channels = 0;
  const float* a = nullptr;        // [d_state][channels]
  const float* d = nullptr;        // [channels]
  float* state = nullptr;
};
/// Channels [begin, end).
void selective_scan(const SelectiveScan& scan, ConstRows x, ConstRows dt, ConstRows b, ConstRows c,
                    int64_t n_token, int64_t begin, int64_t end, float* y, int64_t y_stride);

/// One head of attention whose keys and values are summed up in a matrix S that fades:
///   S = e^g[t] S + k[t] u[t]^T,   out[t] = S^T q[t],
/// where u[t] = v[t] (Mamba-2) or, with beta, u[t] = beta[t] (v[t] - e^g[t] S^T k[t]): the gated
/// delta rule, which writes only what S does not yet say about k.
/// Sources: arXiv:2405.21060 section 6; arXiv:2412.06464 sections 3.2 and 3.3.
inline constexpr int kFadingChunk = 32;
struct FadingAttention {
  int n = 0;                       // tokens, at most kFadingChunk
  int d_k = 0;
  int columns = 0;                 // of S, v and out taken here: a multiple of 16
  float* q = nullptr;              // [n][d_k]; overwritten
  const float* k = nullptr;        // [n][d_k]
  float* v = nullptr;              // [n][columns]; overwritten
  const float* g = nullptr;        // [n], <= 0
  const float* beta = nullptr;     // [n]; null: u = v
  float* state = nullptr;          // [d_k], rows state_stride apart
  int64_t state_stride = 0;
  float* out = nullptr;            // [n][columns]
  float* scratch = nullptr;        // fading_scratch(d_k) floats
};
/// Chosen by n: single tokens one after the other, chunks by matrix products.
void fading_attention(const FadingAttention& a);
/// The two forms by name, for tests and measurements.
void fading_attention_stepwise(const FadingAttention& a);
void fading_attention_chunked(const FadingAttention& a);
int64_t fading_scratch(int d_k);

/// out[i] = gain[i] * min(high, max(low, softplus(x[i] + bias[i]))); bias and gain may be null.
void softplus(const float* x, const float* bias, const float* gain, float low, float high,
              int64_t n, float* out);
/// out = x * scale / sqrt(sum(x^2) + eps).
void l2_norm(const float* x, float eps, float scale, int64_t n, float* out);

}  // namespace strata::kernel
