#include <cmath>
#include <vector>

#include "kernel/matmul.h"

namespace strata::kernel {

void matmul_reference(Type type, const void* stored, int64_t rows, int64_t cols,
                      const Activation& x, double* y) {
  const size_t stride = row_bytes(type, cols);
  std::vector<double> value(size_t(cols) * x.tokens);
  for (int t = 0; t < x.tokens; t++) {
    const int first = t / kTileTokens * kTileTokens;
    const int tile = x.tokens - first < kTileTokens ? x.tokens - first : kTileTokens;
    for (int64_t k = 0; k < cols; k++) {
      double& v = value[t * cols + k];
      if (x.records && info(type).quantised) {
        const Record& r =
            x.records[record_offset(cols, first) + k / 32 * tile + (t - first)];
        v = std::ldexp(double(r.q[k % 32]) * r.scale, int(r.exponent >> 23));
      } else {
        v = x.f32[t * x.stride + k];
      }
    }
  }
  std::vector<float> row(cols);
  for (int64_t r = 0; r < rows; r++) {
    to_f32(type, static_cast<const uint8_t*>(stored) + r * stride, cols, row.data());
    for (int t = 0; t < x.tokens; t++) {
      double sum = 0;
      for (int64_t k = 0; k < cols; k++) sum += double(row[k]) * value[t * cols + k];
      y[t * rows + r] = sum;
    }
  }
}

}  // namespace strata::kernel
