// Multi-head latent attention's products around the cache: a small matrix for every head.
#include <algorithm>
#include <cstring>

#include "graph/step.h"
#include "kernel/ops.h"

namespace strata::graph {
namespace {

constexpr int64_t kRows = 8 * kernel::kTileTokens;   // rows that meet a head's matrix at once

void rotate(const Step& s, const Run& run, float* x, int64_t token) {
  const RopeRows& rows = run.ropes[s.node->rope];
  const RopeSpec& spec = run.graph->ropes[s.node->rope];
  kernel::rope(x, 1, spec.d, spec.d, &rows.cos[token * rows.half], &rows.sin[token * rows.half],
               spec.interleaved);
}

// Rows [begin, begin + n) of some columns, as the matrix wants them.
kernel::Activation input(const Step& s, const Run& run, int thread, const kernel::Matrix& w,
                         int64_t begin, int64_t n, int64_t column) {
  const int64_t width = s.in[0].width;
  const float* x = s.in[0].f32 + begin * width + column;
  kernel::Activation in{.f32 = x, .stride = width, .tokens = static_cast<int>(n)};
  if (!s.node->records_inside || !kernel::info(w.type).quantised) return in;
  auto* records = reinterpret_cast<kernel::Record*>(run.scratch[thread]);
  for (int64_t t = 0; t < n; t += kernel::kTileTokens)
    kernel::quantise_tile(x + t * width, width, w.cols,
                          static_cast<int>(std::min<int64_t>(kernel::kTileTokens, n - t)),
                          records + kernel::record_offset(w.cols, t));
  in.records = records;
  return in;
}

}  // namespace

int64_t head_linear_floats(int64_t cols) {
  return static_cast<int64_t>(kernel::record_count(cols, kRows) * sizeof(kernel::Record) /
                              sizeof(float));
}

void execute_head_linear(const Step& s, Run& run, int thread) {
  const Buffer &in = s.in[0], &out = s.out[0];
  const auto heads = static_cast<int64_t>(s.matrices.size());
  const int64_t d_in = in.width / heads, d_out = out.width / heads;
  const int64_t groups = s.matrices[0].groups(), rows = run.rows(in.rows);
  const auto [begin, end] = split_evenly(heads * groups, thread, run.threads);
  for (int64_t g = begin; g < end;) {
    const int64_t head = g / groups, first = g % groups;
    const int64_t last = std::min(groups, first + end - g);
    const kernel::Matrix& w = s.matrices[head];
    for (int64_t t = 0; t < rows; t += kRows) {
      const int64_t n = std::min(kRows, rows - t);
      multiply(run, w, input(s, run, thread, w, t, n, head * d_in),
               {.y = out.f32 + t * out.width + head * d_out, .stride = out.width}, first, last);
    }
    const int64_t rest = d_in - w.cols;
    for (int64_t t = 0; first == 0 && rest > 0 && t < rows; ++t) {
      float* to = out.f32 + t * out.width + head * d_out + w.rows;
      std::memcpy(to, in.f32 + t * in.width + head * d_in + w.cols, rest * sizeof(float));
      if (s.node->rope != kNone) rotate(s, run, to, t);
    }
    g += last - first;
  }
}

void execute_latent_row(const Step& s, Run& run, int thread) {
  const Buffer &in = s.in[0], &out = s.out[0];
  const int64_t rank = in.width - run.graph->ropes[s.node->rope].d;
  const auto [begin, end] = split_evenly(run.rows(in.rows), thread, run.threads);
  for (int64_t t = begin; t < end; ++t) {
    const float* x = in.f32 + t * in.width;
    float* y = out.f32 + t * out.width;
    kernel::rms_norm(x, s.vectors[0], s.node->eps, 0, rank, y);
    std::memcpy(y + rank, x + rank, (in.width - rank) * sizeof(float));
    rotate(s, run, y + rank, t);
  }
}

}  // namespace strata::graph
