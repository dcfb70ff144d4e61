// Small operations on rows of floats. Pointers need no alignment and any length is allowed; `out`
// may equal an input.
#pragma once
#include <cstddef>
#include <cstdint>

namespace strata::kernel {

/// relu2: max(x, 0)^2 (arXiv:2109.08668); gelu_quick: x sigmoid(1.702 x) (arXiv:1606.08415).
enum class Act : uint8_t { silu, gelu_tanh, gelu, relu, relu2, gelu_quick, sigmoid, none };

/// out = x / rms(x) * (gain + offset); gain may be null (1). Source: arXiv:1910.07467 section 3.
void rms_norm(const float* x, const float* gain, float eps, float offset, int64_t n, float* out);
/// out = (x - mean) / std * gain + bias; gain and bias may be null. Source: arXiv:1607.06450.
void layer_norm(const float* x, const float* gain, const float* bias, float eps, int64_t n,
                float* out);
/// out = act(gate) * up.
void act_mul(Act act, const float* gate, const float* up, int64_t n, float* out);
void activate(Act act, const float* x, int64_t n, float* out);
/// out = a + b.
void add(const float* a, const float* b, int64_t n, float* out);
/// out = x * s.
void scale(const float* x, float s, int64_t n, float* out);
/// out = x within [-limit, limit]; NaN stays NaN.
void clamp(const float* x, float limit, int64_t n, float* out);
/// out = cap * tanh(x / cap).
void softcap(const float* x, float cap, int64_t n, float* out);
/// Rotates `n_head` consecutive heads of d_head floats: the first d_rope (even) of each by the
/// angles whose cosine and sine are given [d_rope / 2]. interleaved: pairs (2i, 2i+1), else
/// (i, i + d_rope/2).
/// Source: arXiv:2104.09864 section 3.4.2.
void rope(float* x, int n_head, int d_head, int d_rope, const float* cos, const float* sin,
          bool interleaved);
/// In place softmax with temperature 1; returns log(sum(exp(x))). Nothing but -inf gives zeros and
/// -inf; NaN gives NaN.
float softmax(float* x, int64_t n);
/// Index of the largest value, the lowest one on ties; NaN never wins (nothing but NaN gives 0).
int64_t argmax(const float* x, int64_t n);
/// The largest value, NaN left out; -inf if there is none.
float max(const float* x, int64_t n);
/// log(sum(exp(x * s))), with the special values of softmax.
float log_sum_exp(const float* x, float s, int64_t n);

}  // namespace strata::kernel
