#include "base/check.h"
#include "kernel/recurrent.h"
#define STRATA_KERNEL "kernel/recurrent/fading_attention.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {
namespace {

constexpr int kChunk = kFadingChunk;

// A register tile of a product: kRows rows of A, broadcast, against kVectors vectors of a row of B.
constexpr int kRows = 4;
constexpr int kVectors = kRegisters >= 32 ? 4 : 1;

// Element (i, l) of A is a[i * row + l * step].
struct Left {
  const float* a;
  int64_t row, step;
};

// C [rows][16 * vectors] = keep * C + A B over k terms.
template <int rows, int vectors>
STRATA_INLINE void tile(int64_t k, Left a, const float* b, int64_t b_stride, float keep, float* c,
                        int64_t c_stride) {
  F sum[rows][vectors];
  STRATA_UNROLL for (int i = 0; i < rows; ++i) {
    STRATA_UNROLL for (int j = 0; j < vectors; ++j) {
      // What is not kept is not read: it may be anything.
      sum[i][j] = keep == 0 ? F::zero() : F::set1(keep) * F::load(c + i * c_stride + j * 16);
    }
  }
  for (int64_t l = 0; l < k; ++l) {
    STRATA_UNROLL for (int j = 0; j < vectors; ++j) {
      const F line = F::load(b + l * b_stride + j * 16);
      STRATA_UNROLL for (int i = 0; i < rows; ++i)
        sum[i][j] = fma(F::set1(a.a[i * a.row + l * a.step]), line, sum[i][j]);
    }
  }
  STRATA_UNROLL for (int i = 0; i < rows; ++i)
    STRATA_UNROLL for (int j = 0; j < vectors; ++j) sum[i][j].store(c + i * c_stride + j * 16);
}

template <int rows>
STRATA_INLINE void tile_row(int64_t n, int64_t k, Left a, const float* b, int64_t b_stride,
                            float keep, float* c, int64_t c_stride) {
  int64_t j = 0;
  for (; j + 16 * kVectors <= n; j += 16 * kVectors)
    tile<rows, kVectors>(k, a, b + j, b_stride, keep, c + j, c_stride);
  for (; j < n; j += 16) tile<rows, 1>(k, a, b + j, b_stride, keep, c + j, c_stride);
}

}  // namespace

// C [m][n] = keep * C + A B with B [k][n], n a multiple of 16. `lower`: A is zero right of its
// diagonal (and what lies there may be skipped).
static void product(int64_t m, int64_t n, int64_t k, Left a, const float* b, int64_t b_stride,
                    float keep, float* c, int64_t c_stride, bool lower) {
  int64_t i = 0;
  for (; i + kRows <= m; i += kRows) {
    const int64_t terms = lower && i + kRows < k ? i + kRows : k;
    tile_row<kRows>(n, terms, {a.a + i * a.row, a.row, a.step}, b, b_stride, keep, c + i * c_stride,
                    c_stride);
  }
  for (; i < m; ++i) {
    const int64_t terms = lower && i + 1 < k ? i + 1 : k;
    tile_row<1>(n, terms, {a.a + i * a.row, a.row, a.step}, b, b_stride, keep, c + i * c_stride,
                c_stride);
  }
}

static float exp1(float x) {
  float lanes[16];
  exp(F::set1(x)).store(lanes);
  return lanes[0];
}

// One token after the other, `vectors` columns at a time: that part of S stays in the first-level
// cache between the pass that reads it and the one that changes it.
template <int vectors>
STRATA_INLINE void step_columns(const FadingAttention& a, const float* fade, int column) {
  for (int t = 0; t < a.n; ++t) {
    const float *q = a.q + int64_t(t) * a.d_k, *k = a.k + int64_t(t) * a.d_k;
    float* v = a.v + int64_t(t) * a.columns + column;
    const F f = F::set1(fade[t]);
    F u[vectors], out[vectors];
    STRATA_UNROLL for (int j = 0; j < vectors; ++j) {
      u[j] = F::load(v + j * 16);
      out[j] = F::zero();
    }
    if (a.beta) {
      F said[vectors];
      STRATA_UNROLL for (int j = 0; j < vectors; ++j) said[j] = F::zero();
      for (int i = 0; i < a.d_k; ++i) {
        const float* row = a.state + i * a.state_stride + column;
        const F key = F::set1(k[i]);
        STRATA_UNROLL for (int j = 0; j < vectors; ++j)
          said[j] = fma(key, F::load(row + j * 16), said[j]);
      }
      STRATA_UNROLL for (int j = 0; j < vectors; ++j)
        u[j] = F::set1(a.beta[t]) * fnma(f, said[j], u[j]);
    }
    for (int i = 0; i < a.d_k; ++i) {
      float* row = a.state + i * a.state_stride + column;
      const F key = F::set1(k[i]), query = F::set1(q[i]);
      STRATA_UNROLL for (int j = 0; j < vectors; ++j) {
        const F now = fma(key, u[j], f * F::load(row + j * 16));
        now.store(row + j * 16);
        out[j] = fma(query, now, out[j]);
      }
    }
    STRATA_UNROLL for (int j = 0; j < vectors; ++j)
      out[j].store(a.out + int64_t(t) * a.columns + column + j * 16);
  }
}

static void stepwise(const FadingAttention& a) {
  constexpr int kTogether = kRegisters >= 32 ? 4 : 1;
  float fade[kChunk];
  for (int t = 0; t < a.n; ++t) fade[t] = exp1(a.g[t]);
  int c = 0;
  for (; c + 16 * kTogether <= a.columns; c += 16 * kTogether) step_columns<kTogether>(a, fade, c);
  for (; c < a.columns; c += 16) step_columns<1>(a, fade, c);
}

// All tokens of the chunk at once. With G the running sum of g and everything before the chunk in
// S, token i sees S faded by e^G[i] and token j <= i faded by e^(G[i] - G[j]):
//   u[i] = beta[i] (v[i] - e^G[i] S^T k[i] - sum_{j<i} e^(G[i]-G[j]) (k[i].k[j]) u[j]),
//   out[i] = e^G[i] S^T q[i] + sum_{j<=i} e^(G[i]-G[j]) (q[i].k[j]) u[j],
//   S <- e^G[n-1] S + sum_j e^(G[n-1]-G[j]) k[j] u[j]^T.
static void chunked(const FadingAttention& a) {
  const int n = a.n;
  const int64_t d = a.d_k, w = a.columns, padded = (n + 15) / 16 * 16;
  float* keys = a.scratch;                      // k transposed: [d_k][padded]
  float* of_q = keys + d * kChunk;              // [n][padded]: q.k with fading, lower triangle
  float* of_k = of_q + kChunk * kChunk;         // the same of k.k
  float total[kChunk], fade[kChunk], left[kChunk];
  float sum = 0;
  for (int i = 0; i < kChunk; ++i) {
    if (i < n) sum += a.g[i];
    total[i] = sum;                             // beyond n too: lanes of vectors
  }
  for (int i = 0; i < kChunk; i += 16) {
    exp(F::load(total + i)).store(fade + i);
    exp(F::set1(sum) - F::load(total + i)).store(left + i);
  }
  for (int64_t l = 0; l < d; ++l)
    for (int j = 0; j < padded; ++j) keys[l * padded + j] = j < n ? a.k[j * d + l] : 0;

  product(n, padded, d, {a.q, d, 1}, keys, padded, 0, of_q, padded, false);
  if (a.beta) product(n, padded, d, {a.k, d, 1}, keys, padded, 0, of_k, padded, false);
  for (int i = 0; i < n; ++i) {
    for (int64_t j = 0; j < padded; j += 16) {
      // Right of the diagonal the exponent would be positive: those are dropped, not multiplied.
      const int below = i + 1 - j < 0 ? 0 : i + 1 - j > 16 ? 16 : int(i + 1 - j);
      const F between = exp(min(F::zero(), F::set1(total[i]) - F::load(total + j)));
      const M lower = M::first(below);
      float* row = of_q + i * padded + j;
      select(lower, between * F::load(row), F::zero()).store(row);
      if (a.beta) {
        row = of_k + i * padded + j;
        (between * F::load(row)).store(row);
      }
    }
  }

  if (a.beta) {
    float* said = a.out;                        // free until the end
    product(n, w, d, {a.k, d, 1}, a.state, a.state_stride, 0, said, w, false);
    for (int i = 0; i < n; ++i) {
      const F f = F::set1(fade[i]), beta = F::set1(a.beta[i]);
      const float* row = of_k + i * padded;
      for (int64_t c = 0; c < w; c += 16) {
        F u = fnma(f, F::load(said + i * w + c), F::load(a.v + i * w + c));
        F more = F::zero();
        int j = 0;
        for (; j + 2 <= i; j += 2) {
          u = fnma(F::set1(row[j]), F::load(a.v + j * w + c), u);
          more = fnma(F::set1(row[j + 1]), F::load(a.v + (j + 1) * w + c), more);
        }
        if (j < i) u = fnma(F::set1(row[j]), F::load(a.v + j * w + c), u);
        (beta * (u + more)).store(a.v + i * w + c);
      }
    }
  }

  for (int i = 0; i < n; ++i) {
    const F f = F::set1(fade[i]);
    int64_t l = 0;
    for (; l + 16 <= d; l += 16) (f * F::load(a.q + i * d + l)).store(a.q + i * d + l);
    for (; l < d; ++l) a.q[i * d + l] *= fade[i];
  }
  product(n, w, d, {a.q, d, 1}, a.state, a.state_stride, 0, a.out, w, false);
  product(n, w, n, {of_q, padded, 1}, a.v, w, 1, a.out, w, true);

  for (int i = 0; i < n; ++i) {
    const F f = F::set1(left[i]);
    for (int64_t c = 0; c < w; c += 16) (f * F::load(a.v + i * w + c)).store(a.v + i * w + c);
  }
  product(d, w, n, {a.k, 1, d}, a.v, w, fade[n - 1], a.state, a.state_stride, false);
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {
namespace {

// From so many tokens on the products cost less than going through S for each.
constexpr int kChunkedFrom = 8;

void check(const FadingAttention& a) {
  STRATA_CHECK(a.n >= 1 && a.n <= kFadingChunk && a.columns % 16 == 0);
}

}  // namespace

void fading_attention_stepwise(const FadingAttention& a) {
  check(a);
  STRATA_PICK(stepwise)(a);
}

void fading_attention_chunked(const FadingAttention& a) {
  check(a);
  STRATA_PICK(chunked)(a);
}

void fading_attention(const FadingAttention& a) {
  a.n < kChunkedFrom ? fading_attention_stepwise(a) : fading_attention_chunked(a);
}

int64_t fading_scratch(int d_k) {
  return int64_t{d_k} * kFadingChunk + 2 * kFadingChunk * kFadingChunk;
}

}  // namespace strata::kernel
#endif
