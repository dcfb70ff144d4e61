// Steps that treat rows one by one: threads share out the rows.
#include <cstring>

#include "base/check.h"
#include "graph/memory_plan.h"
#include "graph/step/keys.h"
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

namespace {

// One row of a table as floats.
void table_row(const StoredTensor& table, int64_t index, float* out) {
  const int64_t d = table.cols();
  if (table.data) {
    const uint8_t* row = table.data + kernel::row_bytes(table.type, d) * index;
    return kernel::to_f32(table.type, row, d, out);
  }
  thread_local std::vector<uint8_t> room;
  kernel::to_f32(table.type, rows_of(table, index, index + 1, room), d, out);
}

}  // namespace

void execute_embed(const Step& s, Run& run, int thread) {
  const Node& node = *s.node;
  const auto table = [&](int which) {
    return which == kNone ? nullptr : run.graph->weights[node.weights[which]].tensor;
  };
  const StoredTensor &tokens = *table(0), *positions = table(node.positions),
                     *constant = table(node.constant);
  const int64_t d = s.out[0].width;
  float* row = run.scratch[thread];
  each_row(run, Rows::tokens, thread, [&](int64_t t) {
    float* out = s.out[0].f32 + t * d;
    table_row(tokens, run.tokens[t], out);
    if (node.scale != 1) kernel::scale(out, node.scale, d, out);
    if (positions) {
      table_row(*positions, run.position[t] + node.position_offset, row);
      kernel::add(out, row, d, out);
    }
    if (constant) {
      table_row(*constant, 0, row);
      kernel::add(out, row, d, out);
    }
    for (size_t r = 0; r < run.ropes.size(); ++r) {
      RopeRows& rows = run.ropes[r];
      run.graph->ropes[r].row(run.position[t], &rows.cos[t * rows.half], &rows.sin[t * rows.half]);
      if (!rows.block_cos.empty())
        fill_block_angles(run.graph->ropes[r], rows, run.position[t], t);
    }
  });
}

namespace {

// norm(x, gain, bias, y) of one head.
template <class Norm>
void execute_norm(const Step& s, Run& run, int thread, Norm&& one) {
  const Buffer &in = s.in[0], &out = s.out[0];
  const auto norm = [&](const float* x, float* y) {
    for (int64_t i = 0; i < in.width; i += s.norm_width) {
      const int64_t at = s.norm_shared ? 0 : i;
      one(x + i, s.vectors[0] + at, s.vectors[1] ? s.vectors[1] + at : nullptr, y + i);
    }
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

}  // namespace

void execute_rms_norm(const Step& s, Run& run, int thread) {
  execute_norm(s, run, thread, [&](const float* x, const float* gain, const float*, float* y) {
    kernel::rms_norm(x, gain, s.node->eps, s.node->offset, s.norm_width, y);
  });
}

void execute_layer_norm(const Step& s, Run& run, int thread) {
  execute_norm(s, run, thread, [&](const float* x, const float* gain, const float* bias, float* y) {
    kernel::layer_norm(x, gain, bias, s.node->eps, s.norm_width, y);
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
    const float *a = s.in[0].f32 + r * n, *b = s.in[1].f32 + r * n;
    float* out = s.out[0].f32 + r * n;
    if (s.node->scale != 1) {
      kernel::scale(b, s.node->scale, n, run.scratch[thread]);
      b = run.scratch[thread];
    }
    kernel::add(a, b, n, out);
  });
}

namespace {

// f(x, n, out) of this thread's share. Columns are shared out too: a value may be few rows of a
// whole vocabulary.
template <class F>
void each_part(const Step& s, const Run& run, int thread, F&& f) {
  const int64_t n = run.rows(s.in[0].rows) * s.out[0].width;
  const auto [begin, end] = split_evenly(n, thread, run.threads, 64);
  if (begin < end) f(s.in[0].f32 + begin, end - begin, s.out[0].f32 + begin);
}

}  // namespace

void execute_activate(const Step& s, Run& run, int thread) {
  each_part(s, run, thread, [&](const float* x, int64_t n, float* out) {
    kernel::activate(s.node->act, x, n, out);
  });
}

void execute_scale(const Step& s, Run& run, int thread) {
  each_part(s, run, thread, [&](const float* x, int64_t n, float* out) {
    kernel::scale(x, s.node->scale, n, out);
  });
}

void execute_clamp(const Step& s, Run& run, int thread) {
  each_part(s, run, thread, [&](const float* x, int64_t n, float* out) {
    kernel::clamp(x, s.node->cap, n, out);
  });
}

void execute_softcap(const Step& s, Run& run, int thread) {
  each_part(s, run, thread, [&](const float* x, int64_t n, float* out) {
    kernel::softcap(x, s.node->cap, n, out);
  });
}

void execute_select(const Step& s, Run& run, int thread) {
  const int64_t n = s.out[0].width;
  each_row(run, Rows::outputs, thread, [&](int64_t r) {
    std::memcpy(s.out[0].f32 + r * n, s.in[0].f32 + run.output_token[r] * n, n * sizeof(float));
  });
}

void execute_pool(const Step& s, Run& run, int thread) {
  STRATA_CHECK(std::ssize(run.sequences) == run.n_outputs);
  const int64_t n = s.out[0].width;
  each_row(run, Rows::outputs, thread, [&](int64_t r) {
    const SequenceSlice& sequence = run.sequences[r];
    const float* first = s.in[0].f32 + sequence.first_token * n;
    float* out = s.out[0].f32 + r * n;
    const int rows = sequence.n_token;
    std::memcpy(out, s.node->pool == Pool::last ? first + (rows - 1) * n : first,
                n * sizeof(float));
    if (s.node->pool != Pool::mean) return;
    for (int i = 1; i < rows; ++i) kernel::add(out, first + i * n, n, out);
    kernel::scale(out, 1.0f / static_cast<float>(rows), n, out);
  });
}

}  // namespace strata::graph
