// Matrix products: threads share out the rows of the weights.
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

}  // namespace

void execute_linear(const Step& s, Run& run, int thread) {
  const kernel::Activation x = activation(s, run, thread);
  if (x.tokens == 0) return;
  for (const Share& share : s.shares[thread]) {
    const Buffer& out = s.out[share.matrix];
    kernel::matmul(s.matrices[share.matrix], x,
                   {.y = out.f32,
                    .stride = out.width,
                    .accumulate = s.residual.f32 != nullptr,
                    .bias = s.biases[share.matrix]},
                   share.begin, share.end);
  }
}

void execute_linear_glu(const Step& s, Run& run, int thread) {
  const kernel::Activation x = activation(s, run, thread);
  if (x.tokens == 0) return;
  const kernel::Matrix &gate = s.matrices[0], &up = s.matrices[1];
  // Gate and up of the same rows, a chunk at a time: small enough to be activated while in cache.
  constexpr int64_t kChunkFloats = 32 << 10;
  const int64_t group = kernel::kGroupRows;
  const int64_t chunk = std::max<int64_t>(2, kChunkFloats / (x.tokens * group) / 2 * 2);
  for (const Share& share : s.shares[thread]) {
    for (int64_t begin = share.begin; begin < share.end; begin += chunk) {
      const int64_t end = std::min(begin + chunk, share.end);
      const int64_t first = begin * group, n = std::min(end * group, gate.rows) - first;
      float* a = run.scratch[thread];
      float* b = a + n * x.tokens;
      // Both outputs have their first row at column 0 of the chunk.
      const auto product = [&](int m, const kernel::Matrix& w, float* y) {
        kernel::matmul(w, x,
                       {.y = y - first, .stride = n, .accumulate = false, .bias = s.biases[m]},
                       begin, end);
      };
      product(0, gate, a);
      product(1, up, b);
      for (int64_t t = 0; t < x.tokens; ++t) {
        kernel::act_mul(s.node->act, a + t * n, b + t * n, n,
                        s.out[0].f32 + t * s.out[0].width + first);
      }
    }
  }
}

}  // namespace strata::graph
