// Recurrent operations: threads share out channels or heads, and each takes its share through all
// sequences of the batch, token after token.
#include "kernel/recurrent.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "graph/step.h"

namespace strata::graph {
namespace {

constexpr int kChunk = kernel::kFadingChunk;

float* state_of(const Step& s, const Run& run, int32_t slot) {
  return run.states + slot * run.state_stride + s.state_offset;
}

// Calls compute(row, n) for the stretches of the sequence between its marks, and mark(slot) where
// the state is wanted.
template <class Compute, class Mark>
void each_stretch(const SequenceSlice& seq, Compute&& compute, Mark&& mark) {
  int done = 0;
  const auto up_to = [&](int end) {
    if (end > done) compute(seq.first_token + done, end - done);
    done = end;
  };
  for (const StateMark& m : seq.marks) {
    up_to(m.n_token);
    mark(m.slot);
  }
  up_to(seq.n_token);
}

// A rectangle of a state: `rows` of `n` floats.
struct Patch {
  int64_t offset, rows, n, stride;
};

void clear(float* state, const Patch& p) {
  for (int64_t r = 0; r < p.rows; ++r) std::fill_n(state + p.offset + r * p.stride, p.n, 0.0f);
}

void copy(const float* from, const Patch& p, float* to) {
  for (int64_t r = 0; r < p.rows; ++r) {
    const int64_t at = p.offset + r * p.stride;
    std::memcpy(to + at, from + at, static_cast<size_t>(p.n) * sizeof(float));
  }
}

// Takes a thread's patch of the states through every sequence.
template <class Compute>
void each_sequence(const Step& s, const Run& run, const Patch& patch, Compute&& compute) {
  for (const SequenceSlice& seq : run.sequences) {
    float* state = state_of(s, run, seq.state);
    if (seq.n_past == 0) clear(state, patch);
    each_stretch(
        seq, [&](int64_t row, int n) { compute(state, row, n); },
        [&](int32_t slot) { copy(state, patch, state_of(s, run, slot)); });
  }
}

kernel::ConstRows rows_from(const Buffer& b, int64_t row) {
  return {b.f32 + row * b.width, b.width};
}

// Heads, or parts of their columns where there are more threads than heads.
struct Unit {
  int head = 0;
  int begin = 0, end = 0;  // columns
};

int padded(int d) { return (d + 15) / 16 * 16; }

int parts_a_head(const RecurrentHeads& h, int threads) {
  return std::clamp((threads + h.n_head - 1) / h.n_head, 1, padded(h.d_v) / 16);
}

Unit unit_at(const RecurrentHeads& h, int parts, int64_t index) {
  const auto part = static_cast<int>(index % parts);
  const auto [begin, end] = split_evenly(padded(h.d_v), part, parts, 16);
  return {static_cast<int>(index / parts), static_cast<int>(begin), static_cast<int>(end)};
}

int group_of(const RecurrentHeads& h, int head) {
  return h.tiled ? head % h.n_group : head / (h.n_head / h.n_group);
}

// A chunk of one head, gathered so that its rows lie side by side.
struct Chunk {
  float *q, *k, *v, *out, *rest;
  float g[kChunk], beta[kChunk], step[kChunk];

  Chunk(float* scratch, const RecurrentHeads& h) {
    q = scratch;
    k = q + int64_t{kChunk} * h.d_k;
    v = k + int64_t{kChunk} * h.d_k;
    out = v + int64_t{kChunk} * padded(h.d_v);
    rest = out + int64_t{kChunk} * padded(h.d_v);
  }
};

// Runs every unit of the thread; load(chunk, unit, t, row) fills row t of q, k and v,
// gates(chunk, unit, row, n) fills g (and beta), store(chunk, unit, t, row) takes out[t].
template <class Load, class Gates, class Store>
void run_heads(const Step& s, Run& run, int thread, bool delta, Load&& load, Gates&& gates,
               Store&& store) {
  const RecurrentHeads& h = s.node->recurrent;
  const int64_t stride = padded(h.d_v);
  const int parts = parts_a_head(h, run.threads);
  Chunk chunk(run.scratch[thread], h);
  const auto [first, last] = split_evenly(int64_t{h.n_head} * parts, thread, run.threads);
  for (int64_t i = first; i < last; ++i) {
    const Unit u = unit_at(h, parts, i);
    const Patch patch{u.head * h.d_k * stride + u.begin, h.d_k, u.end - u.begin, stride};
    each_sequence(s, run, patch, [&](float* state, int64_t row, int n_token) {
      for (int at = 0; at < n_token; at += kChunk) {
        const int n = std::min(kChunk, n_token - at);
        gates(chunk, u, row + at, n);
        for (int t = 0; t < n; ++t) load(chunk, u, t, row + at + t);
        // Chunks round by where they begin, which depends on the batch.
        const auto attend =
            run.deterministic ? kernel::fading_attention_stepwise : kernel::fading_attention;
        attend({.n = n,
                .d_k = h.d_k,
                .columns = u.end - u.begin,
                .q = chunk.q,
                .k = chunk.k,
                .v = chunk.v,
                .g = chunk.g,
                .beta = delta ? chunk.beta : nullptr,
                .state = state + patch.offset,
                .state_stride = stride,
                .out = chunk.out,
                .scratch = chunk.rest});
        for (int t = 0; t < n; ++t) store(chunk, u, t, row + at + t);
      }
    });
  }
}

// Columns of the unit that exist; those after them pad the last vector.
int real_columns(const RecurrentHeads& h, const Unit& u) {
  return std::min(u.end, h.d_v) - u.begin;
}

}  // namespace

int64_t recurrent_scratch_floats(const Node& node) {
  if (node.op != Op::ssd_scan && node.op != Op::delta_rule) return 0;
  const RecurrentHeads& h = node.recurrent;
  return int64_t{kChunk} * 2 * (h.d_k + padded(h.d_v)) + kernel::fading_scratch(h.d_k);
}

void execute_gated_norm(const Step& s, Run& run, int thread) {
  const Node& node = *s.node;
  const int64_t width = s.out[0].width, d = node.recurrent.d_v;
  const bool gains_by_head =
      run.graph->weights[node.weights[0]].tensor->elements() == width && d != width;
  const auto [begin, end] = split_evenly(run.rows(s.in[0].rows), thread, run.threads);
  for (int64_t row = begin; row < end; ++row) {
    const float *x = s.in[0].f32 + row * width, *gate = s.in[1].f32 + row * width;
    float* out = s.out[0].f32 + row * width;
    if (node.gate_first) kernel::act_mul(kernel::Act::silu, gate, x, width, out);
    const float* from = node.gate_first ? out : x;
    for (int64_t i = 0; i < width; i += d) {
      kernel::rms_norm(from + i, s.vectors[0] + (gains_by_head ? i : 0), node.eps, 0, d, out + i);
    }
    if (!node.gate_first) kernel::act_mul(kernel::Act::silu, gate, out, width, out);
  }
}

void execute_conv1d(const Step& s, Run& run, int thread) {
  const int64_t channels = s.in[0].width, past = s.node->taps - 1;
  const auto [begin, end] = split_evenly(channels, thread, run.threads, 16);
  if (begin == end) return;
  const Buffer &in = s.in[0], &out = s.out[0];
  const Patch patch{begin, past, end - begin, channels};
  const int64_t first = begin, last = end;
  each_sequence(s, run, patch, [&](float* state, int64_t row, int n) {
    kernel::conv1d({.taps = s.node->taps,
                    .channels = channels,
                    .weight = s.vectors[0],
                    .bias = s.vectors[1],
                    .act = s.node->act,
                    .state = state},
                   rows_from(in, row), n, first, last, out.f32 + row * out.width, out.width);
  });
}

void execute_selective_scan(const Step& s, Run& run, int thread) {
  const int64_t channels = s.in[0].width;
  const auto d_state = static_cast<int>(s.in[2].width);
  const auto [begin, end] = split_evenly(channels, thread, run.threads, 16);
  if (begin == end) return;
  const Buffer& out = s.out[0];
  const Patch patch{begin, d_state, end - begin, channels};
  const int64_t first = begin, last = end;
  each_sequence(s, run, patch, [&](float* state, int64_t row, int n) {
    kernel::selective_scan({.d_state = d_state,
                            .channels = channels,
                            .a = s.vectors[0],
                            .d = s.vectors[1],
                            .state = state},
                           rows_from(s.in[0], row), rows_from(s.in[1], row),
                           rows_from(s.in[2], row), rows_from(s.in[3], row), n, first, last,
                           out.f32 + row * out.width, out.width);
  });
}

void execute_ssd_scan(const Step& s, Run& run, int thread) {
  const RecurrentHeads& h = s.node->recurrent;
  const float *a = s.vectors[0], *dt_bias = s.vectors[1], *d = s.vectors[2];
  const Buffer &xbc = s.in[0], &dt = s.in[1], &out = s.out[0];
  const int64_t of_b = int64_t{h.n_head} * h.d_v, of_c = of_b + int64_t{h.n_group} * h.d_k;
  run_heads(
      s, run, thread, false,
      [&](Chunk& c, const Unit& u, int t, int64_t row) {
        const float* in = xbc.f32 + row * xbc.width;
        const int64_t group = int64_t{group_of(h, u.head)} * h.d_k;
        const size_t bytes = static_cast<size_t>(h.d_k) * sizeof(float);
        std::memcpy(c.q + int64_t{t} * h.d_k, in + of_c + group, bytes);
        std::memcpy(c.k + int64_t{t} * h.d_k, in + of_b + group, bytes);
        const int n = real_columns(h, u), w = u.end - u.begin;
        float* v = c.v + int64_t{t} * w;
        kernel::scale(in + int64_t{u.head} * h.d_v + u.begin, c.step[t], n, v);
        std::fill(v + n, v + w, 0.0f);
      },
      [&](Chunk& c, const Unit& u, int64_t row, int n) {
        for (int t = 0; t < n; ++t)
          c.step[t] = dt.f32[(row + t) * dt.width + u.head] + dt_bias[u.head];
        kernel::softplus(c.step, nullptr, nullptr, h.step_min, h.step_max, n, c.step);
        kernel::scale(c.step, a[u.head], n, c.g);
      },
      [&](Chunk& c, const Unit& u, int t, int64_t row) {
        const int n = real_columns(h, u), w = u.end - u.begin;
        const int64_t column = int64_t{u.head} * h.d_v + u.begin;
        float* y = out.f32 + row * out.width + column;
        kernel::scale(xbc.f32 + row * xbc.width + column, d[u.head], n, y);
        kernel::add(y, c.out + int64_t{t} * w, n, y);
      });
}

void execute_delta_rule(const Step& s, Run& run, int thread) {
  constexpr float kEps = 1e-6f;
  const RecurrentHeads& h = s.node->recurrent;
  const float *a = s.vectors[0], *dt_bias = s.vectors[1];
  const Buffer &qkv = s.in[0], &alpha = s.in[1], &beta = s.in[2], &out = s.out[0];
  const int64_t of_k = int64_t{h.n_group} * h.d_k, of_v = 2 * of_k;
  const float scale = 1 / std::sqrt(static_cast<float>(h.d_k));
  run_heads(
      s, run, thread, true,
      [&](Chunk& c, const Unit& u, int t, int64_t row) {
        const float* in = qkv.f32 + row * qkv.width;
        const int64_t group = int64_t{group_of(h, u.head)} * h.d_k;
        kernel::l2_norm(in + group, kEps, scale, h.d_k, c.q + int64_t{t} * h.d_k);
        kernel::l2_norm(in + of_k + group, kEps, 1, h.d_k, c.k + int64_t{t} * h.d_k);
        const int n = real_columns(h, u), w = u.end - u.begin;
        float* v = c.v + int64_t{t} * w;
        std::memcpy(v, in + of_v + int64_t{u.head} * h.d_v + u.begin,
                    static_cast<size_t>(n) * sizeof(float));
        std::fill(v + n, v + w, 0.0f);
      },
      [&](Chunk& c, const Unit& u, int64_t row, int n) {
        for (int t = 0; t < n; ++t) {
          c.step[t] = alpha.f32[(row + t) * alpha.width + u.head] + dt_bias[u.head];
          c.beta[t] = beta.f32[(row + t) * beta.width + u.head];
        }
        kernel::softplus(c.step, nullptr, nullptr, 0, std::numeric_limits<float>::infinity(), n,
                         c.step);
        kernel::scale(c.step, a[u.head], n, c.g);
        kernel::activate(kernel::Act::sigmoid, c.beta, n, c.beta);
      },
      [&](Chunk& c, const Unit& u, int t, int64_t row) {
        const int n = real_columns(h, u), w = u.end - u.begin;
        std::memcpy(out.f32 + row * out.width + int64_t{u.head} * h.d_v + u.begin,
                    c.out + int64_t{t} * w, static_cast<size_t>(n) * sizeof(float));
      });
}

}  // namespace strata::graph
