// Matrix products: threads share out the rows of the weights, and help those that end later.
#include <algorithm>

#include "graph/step.h"
#include "kernel/ops.h"

namespace strata::graph {
namespace {

kernel::Activation activation(const Step& s, const Run& run, int thread) {
  const Buffer& in = s.in[0];
  return {.f32 = in.f32,
          .stride = in.width,
          .records = in.private_offset >= 0 ? run.records(in, thread) : nullptr,
          .tokens = static_cast<int>(run.rows(in.rows))};
}

// Calls work(owner, begin, end) for pieces of the threads' shares, in groups; two groups make a
// panel (kernel/matmul_share.h).
template <class Work>
void each_piece(const Step& s, Run& run, int thread, size_t bytes_a_group, Work&& work) {
  const std::span<WorkCursor> cursors(&run.cursors[s.first_cursor], run.shares);
  const int64_t groups = (int64_t{tuning().piece_kib} << 10) / static_cast<int64_t>(bytes_a_group);
  take_shares(cursors, thread, std::max<int64_t>(2, groups / 2 * 2),
              [&](int owner) { return s.share_groups[owner]; }, work);
}

}  // namespace

namespace {

// The activation of the columns that the groups [begin, end) gave.
void activate(const Step& s, const Buffer& out, int tokens, int64_t begin, int64_t end) {
  const int64_t first = begin * kernel::kGroupRows;
  const int64_t n = std::min(end * kernel::kGroupRows, out.width) - first;
  for (int64_t t = 0; t < tokens; ++t) {
    float* y = out.f32 + t * out.width + first;
    kernel::activate(s.node->act, y, n, y);
  }
}

}  // namespace

void multiply(const Run& run, const kernel::Matrix& w, const kernel::Activation& x,
              const kernel::Output& out, int64_t begin, int64_t end) {
  const bool exact_sums = x.records && kernel::info(w.type).quantised;
  if (!run.deterministic || exact_sums) return kernel::matmul(w, x, out, begin, end);
  for (int t = 0; t < x.tokens; ++t) {
    kernel::Activation one = x;
    one.f32 += t * x.stride;
    one.tokens = 1;
    kernel::Output row = out;
    row.y += t * out.stride;
    kernel::matmul(w, one, row, begin, end);
  }
}

void execute_linear(const Step& s, Run& run, int thread) {
  const kernel::Activation x = activation(s, run, thread);
  if (x.tokens == 0) return;
  const kernel::Matrix& first = s.matrices[0];
  const size_t bytes = kernel::group_bytes(first.type, first.cols);
  each_piece(s, run, thread, bytes, [&](int owner, int64_t from, int64_t to) {
    int64_t before = 0;   // groups of the owner's earlier shares
    for (const Share& share : s.shares[owner]) {
      const int64_t n = share.end - share.begin;
      const int64_t begin = std::clamp<int64_t>(from - before, 0, n);
      const int64_t end = std::clamp<int64_t>(to - before, 0, n);
      before += n;
      if (begin == end) continue;
      const Buffer& out = s.out[share.matrix];
      multiply(run, share.weights, x,
               {.y = out.f32,
               .stride = out.width,
               .accumulate = s.residual.f32 != nullptr,
               .bias = s.biases[share.matrix]},
              share.begin + begin, share.begin + end);
      if (s.node->activates) activate(s, out, x.tokens, share.begin + begin, share.begin + end);
    }
  });
}

void execute_linear_glu(const Step& s, Run& run, int thread) {
  const kernel::Activation x = activation(s, run, thread);
  if (x.tokens == 0) return;
  // Gate and up of the same rows, a chunk at a time: small enough to be activated while in cache.
  constexpr int64_t kChunkFloats = 32 << 10;
  const int64_t group = kernel::kGroupRows;
  const int64_t chunk = std::max<int64_t>(2, kChunkFloats / (x.tokens * group) / 2 * 2);
  const kernel::Matrix& first_matrix = s.matrices[0];
  const size_t bytes = 2 * kernel::group_bytes(first_matrix.type, first_matrix.cols);
  each_piece(s, run, thread, bytes, [&](int owner, int64_t from, int64_t to) {
    const Share &gate = s.shares[owner][0], &up = s.shares[owner][1];
    for (int64_t begin = gate.begin + from; begin < gate.begin + to; begin += chunk) {
      const int64_t end = std::min(begin + chunk, gate.begin + to);
      const int64_t first = begin * group, n = std::min(end * group, gate.weights.rows) - first;
      float* a = run.scratch[thread];
      float* b = a + n * x.tokens;
      // Both outputs have their first row at column 0 of the chunk.
      const auto fill = [&](const Share& share, float* y) {
        multiply(run, share.weights, x,
                 {.y = y - first, .stride = n, .accumulate = false, .bias = s.biases[share.matrix]},
                 begin, end);
      };
      fill(gate, a);
      fill(up, b);
      for (int64_t t = 0; t < x.tokens; ++t) {
        kernel::act_mul(s.node->act, a + t * n, b + t * n, n,
                        s.out[0].f32 + t * s.out[0].width + first);
      }
    }
  });
}

}  // namespace strata::graph
