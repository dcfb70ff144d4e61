#include "graph/step/keys.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "kernel/ops.h"

namespace strata::graph {
namespace {

// Units are the channels' deviations to this power. 1 would give all channels the same number of
// codes; a channel whose deviation is large usually meets large queries too, and 0.7 lost the least
// on keys of two models (docs/kernels/attention.md).
constexpr double kUnitPower = 0.7;
// No channel's unit is further below the largest one, so that what was still on the measured tokens
// may move on others.
constexpr double kLeastDeviation = 1e-3;

const float* vector(const Step& s, int index) {
  return index == kNone ? nullptr : s.vectors[index];
}

void normalise(const Step& s, float* x, int d, const float* gain) {
  if (gain) kernel::rms_norm(x, gain, s.node->eps, s.node->offset, d, x);
}

void rotate(const Step& s, const Run& run, float* x, int d, int64_t token) {
  if (s.node->rope == kNone) return;
  const RopeRows& rows = run.ropes[s.node->rope];
  const RopeSpec& spec = run.graph->ropes[s.node->rope];
  kernel::rope(x, 1, d, spec.d, &rows.cos[token * rows.half], &rows.sin[token * rows.half],
               spec.interleaved);
}

float* key_of(const Step& s, int64_t token, int head) {
  return s.in[1].f32 + token * s.in[1].width + head * s.layout.d_k;
}

// The mean of the head's keys, turned as keys of the token's block are.
void centre_of(const Step& s, const Run& run, int64_t token, int head, float* centre) {
  const int d = s.layout.d_k;
  std::copy_n(s.key_mean + head * d, d, centre);
  if (s.node->rope == kNone) return;
  const RopeRows& rows = run.ropes[s.node->rope];
  const RopeSpec& spec = run.graph->ropes[s.node->rope];
  kernel::rope(centre, 1, d, spec.d, &rows.block_cos[token * rows.half],
               &rows.block_sin[token * rows.half], spec.interleaved);
}

void put(const Step& s, const Run& run, int64_t token, int head) {
  const float* k = key_of(s, token, head);
  const float* v = s.layout.latent
                       ? nullptr
                       : s.in[2].f32 + token * s.in[2].width + head * s.layout.d_v;
  const int32_t* pages = run.pages.column(s.column);
  const int32_t page = pages ? pages[run.block[token]] : run.block[token];
  STRATA_CHECK(page >= 0);
  uint8_t* block = s.cache + s.page_stride * page;
  if (!s.layout.centred) return kernel::kv_store(s.layout, block, head, run.slot[token], k, v);
  float centre[kernel::kAttendDim];
  centre_of(s, run, token, head, centre);
  kernel::kv_store(s.layout, block, head, run.slot[token], k, v,
                   {.centre = centre, .unit = s.key_unit + head * s.layout.d_k});
}

// Both channels of a pair take the mean of the two: rotation moves one into the other.
void share_in_pairs(const Step& s, const Run& run, std::vector<double>& squares) {
  if (s.node->rope == kNone) return;
  const RopeSpec& spec = run.graph->ropes[s.node->rope];
  for (int i = 0; i < spec.d / 2; ++i) {
    const int a = spec.interleaved ? 2 * i : i, b = spec.interleaved ? 2 * i + 1 : i + spec.d / 2;
    squares[a] = squares[b] = (squares[a] + squares[b]) / 2;
  }
}

void measure_head(const Step& s, const Run& run, int head) {
  const int d = s.layout.d_k;
  float* mean = s.key_mean + head * d;
  float* unit = s.key_unit + head * d;
  std::vector<double> sum(d), squares(d);
  for (int64_t t = 0; t < run.n_tokens; ++t) {
    float* k = key_of(s, t, head);
    normalise(s, k, d, vector(s, s.node->k_norm));
    for (int i = 0; i < d; ++i) sum[i] += k[i];
    rotate(s, run, k, d, t);
  }
  for (int i = 0; i < d; ++i) mean[i] = static_cast<float>(sum[i] / double(run.n_tokens));
  for (int64_t t = 0; t < run.n_tokens; ++t) {
    float centre[kernel::kAttendDim];
    centre_of(s, run, t, head, centre);
    const float* k = key_of(s, t, head);
    for (int i = 0; i < d; ++i) {
      const double off = double(k[i]) - centre[i];
      squares[i] += off * off;
    }
  }
  share_in_pairs(s, run, squares);
  const double most = std::sqrt(*std::max_element(squares.begin(), squares.end()));
  const bool usable = std::isfinite(most) && most > 0;
  for (int i = 0; i < d; ++i) {
    const double part = std::max(std::sqrt(squares[i]) / most, kLeastDeviation);
    if (!usable) mean[i] = 0;
    unit[i] = usable ? static_cast<float>(std::pow(part, kUnitPower)) : 1;
  }
}

}  // namespace

void prepare_query(const Step& s, const Run& run, int64_t token, int head) {
  const int d = s.layout.d_k;
  float* q = s.in[0].f32 + token * s.in[0].width + head * d;
  normalise(s, q, d, vector(s, s.node->q_norm));
  rotate(s, run, q, d, token);
}

void store_key_value(const Step& s, const Run& run, int64_t token, int head) {
  float* k = key_of(s, token, head);
  normalise(s, k, s.layout.d_k, vector(s, s.node->k_norm));
  rotate(s, run, k, s.layout.d_k, token);
  put(s, run, token, head);
}

void prepare_block_angles(const RopeSpec& spec, RopeRows& rows, int64_t tokens) {
  const size_t half = rows.half;
  rows.block_cos.resize(tokens * half);
  rows.block_sin.resize(tokens * half);
  rows.mean_cos.assign(half, 0);
  rows.mean_sin.assign(half, 0);
  std::vector<float> cos(half), sin(half), at_zero(half);
  for (int p = 0; p < kernel::kKvBlock; ++p) {
    spec.row(p, cos.data(), sin.data());
    if (p == 0) at_zero = cos;   // a rope may scale besides
    for (size_t i = 0; i < half; ++i) {
      const float share = at_zero[i] != 0 ? 1 / (at_zero[i] * kernel::kKvBlock) : 0;
      rows.mean_cos[i] += cos[i] * share;
      rows.mean_sin[i] += sin[i] * share;
    }
  }
}

void fill_block_angles(const RopeSpec& spec, RopeRows& rows, int position, int64_t row) {
  float* cos = &rows.block_cos[row * rows.half];
  float* sin = &rows.block_sin[row * rows.half];
  spec.row(position / kernel::kKvBlock * kernel::kKvBlock, cos, sin);
  for (int i = 0; i < rows.half; ++i) {
    const float c = cos[i], s = sin[i];
    cos[i] = c * rows.mean_cos[i] - s * rows.mean_sin[i];
    sin[i] = c * rows.mean_sin[i] + s * rows.mean_cos[i];
  }
}

void measure_keys(const Step& s, const Run& run) {
  for (int head = 0; head < s.layout.n_head_kv; ++head) {
    measure_head(s, run, head);
    for (int64_t t = 0; t < run.n_tokens; ++t) put(s, run, t, head);
  }
}

}  // namespace strata::graph
