// Steps that treat rows one by one: threads share out the rows.
#include <cstring>

#include "graph/memory_plan.h"
#include "graph/step.h"
#include "kernel/ops.h"
#include "kernel/type.h"

namespace strata::graph {
namespace {

// Calls f(row) for this thread's rows.
template <class F>
void each_row(const Run& run, Rows rows, int thread, F&& f) {
  const auto [begin, end] = split_evenly(run.rows(rows), thread, run.threads);
  for (int64_t row = begin; row < end; ++row) f(row);
}

// Calls f(first, count) for this thread's tiles of rows: all of them when done privately.
template <class F>
void each_tile(const Run& run, Rows rows, int thread, F&& f) {
  const int64_t n = run.rows(rows), tile = kernel::kTileTokens;
  const auto [begin, end] = run.privately(rows)
                                ? std::pair<int64_t, int64_t>(0, n)
                                : split_evenly(n, thread, run.threads, tile);
  for (int64_t t = begin; t < end; t += tile) f(t, static_cast<int>(std::min(tile, end - t)));
}

}  // namespace

void execute_embed(const Step& s, Run& run, int thread) {
  const StoredTensor& table = *run.graph->weights[s.node->weights[0]].tensor;
  const int64_t d = s.out[0].width;
  const size_t row_bytes = kernel::row_bytes(table.type, d);
  each_row(run, Rows::tokens, thread, [&](int64_t t) {
    float* out = s.out[0].f32 + t * d;
    kernel::to_f32(table.type, table.data + row_bytes * run.tokens[t], d, out);
    if (s.node->scale != 1) kernel::scale(out, s.node->scale, d, out);
    for (size_t r = 0; r < run.ropes.size(); ++r) {
      RopeRows& rows = run.ropes[r];
      run.graph->ropes[r].row(run.position[t], &rows.cos[t * rows.half], &rows.sin[t * rows.half]);
    }
  });
}

void execute_rms_norm(const Step& s, Run& run, int thread) {
  const Node& node = *s.node;
  const Buffer &in = s.in[0], &out = s.out[0];
  const auto norm = [&](const float* x, float* y) {
    for (int64_t i = 0; i < in.width; i += s.norm_width)
      kernel::rms_norm(x + i, s.vectors[0], node.eps, node.offset, s.norm_width, y + i);
  };
  if (!s.quantises) {
    each_row(run, in.rows, thread, [&](int64_t r) {
      float* y = out.f32 + r * out.width;
      if (!s.residual.f32) return norm(in.f32 + r * in.width, y);
      float* made = run.scratch[thread];
      norm(in.f32 + r * in.width, made);
      kernel::add(s.residual.f32 + r * out.width, made, out.width, y);
    });
    return;
  }
  kernel::Record* records = run.records(out, thread);
  const bool write_f32 = out.f32 && (!run.privately(in.rows) || thread == 0);
  each_tile(run, in.rows, thread, [&](int64_t t, int n) {
    float* tile = run.scratch[thread];
    for (int i = 0; i < n; ++i) {
      norm(in.f32 + (t + i) * in.width, tile + i * out.width);
      if (write_f32)
        std::memcpy(out.f32 + (t + i) * out.width, tile + i * out.width, out.width * sizeof(float));
    }
    kernel::quantise_tile(tile, out.width, out.width, n,
                          records + kernel::record_offset(out.width, t));
  });
}

void execute_quantise(const Step& s, Run& run, int thread) {
  const Buffer& x = s.in[0];
  kernel::Record* records = run.records(x, thread);
  each_tile(run, x.rows, thread, [&](int64_t t, int n) {
    kernel::quantise_tile(x.f32 + t * x.width, x.width, x.width, n,
                          records + kernel::record_offset(x.width, t));
  });
}

void execute_rope(const Step& s, Run& run, int thread) {
  const RopeSpec& spec = run.graph->ropes[s.node->rope];
  const RopeRows& rows = run.ropes[s.node->rope];
  const Value& value = run.graph->values[s.node->out[0]];
  each_row(run, s.in[0].rows, thread, [&](int64_t t) {
    float* y = s.out[0].f32 + t * s.out[0].width;
    std::memcpy(y, s.in[0].f32 + t * s.in[0].width, s.in[0].width * sizeof(float));
    kernel::rope(y, value.heads, static_cast<int>(value.d), spec.d, &rows.cos[t * rows.half],
                 &rows.sin[t * rows.half], spec.interleaved);
  });
}

void execute_glu(const Step& s, Run& run, int thread) {
  const int64_t n = s.out[0].width;
  each_row(run, s.in[0].rows, thread, [&](int64_t r) {
    kernel::act_mul(s.node->act, s.in[0].f32 + r * n, s.in[1].f32 + r * n, n,
                    s.out[0].f32 + r * n);
  });
}

void execute_add(const Step& s, Run& run, int thread) {
  const int64_t n = s.out[0].width;
  each_row(run, s.in[0].rows, thread, [&](int64_t r) {
    kernel::add(s.in[0].f32 + r * n, s.in[1].f32 + r * n, n, s.out[0].f32 + r * n);
  });
}

void execute_softcap(const Step& s, Run& run, int thread) {
  // Few rows of a whole vocabulary: share out the columns.
  const int64_t n = s.out[0].width;
  const auto [begin, end] = split_evenly(run.rows(s.in[0].rows) * n, thread, run.threads, 64);
  kernel::softcap(s.in[0].f32 + begin, s.node->cap, end - begin, s.out[0].f32 + begin);
}

void execute_select(const Step& s, Run& run, int thread) {
  const int64_t n = s.out[0].width;
  each_row(run, Rows::outputs, thread, [&](int64_t r) {
    std::memcpy(s.out[0].f32 + r * n, s.in[0].f32 + run.output_token[r] * n, n * sizeof(float));
  });
}

}  // namespace strata::graph
