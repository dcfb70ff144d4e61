#include <algorithm>
#include <cmath>
#include <vector>

#include "kernel/attention.h"

namespace strata::kernel {

void attend_reference(const float* q, const float* k, const float* v, int begin, int end, int d_k,
                      int d_v, float scale, float softcap, float* out) {
  std::fill_n(out, d_v, 0.0f);
  if (begin >= end) return;
  std::vector<double> weight(end - begin);
  for (int p = begin; p < end; ++p) {
    double dot = 0;
    for (int i = 0; i < d_k; ++i) dot += double(q[i]) * k[int64_t(p) * d_k + i];
    dot *= scale;
    weight[p - begin] = softcap > 0 ? softcap * std::tanh(dot / softcap) : dot;
  }
  const double top = *std::max_element(weight.begin(), weight.end());
  double sum = 0;
  for (double& w : weight) sum += w = std::exp(w - top);
  for (int i = 0; i < d_v; ++i) {
    double value = 0;
    for (int p = begin; p < end; ++p) value += weight[p - begin] * v[int64_t(p) * d_v + i];
    out[i] = float(value / sum);
  }
}

}  // namespace strata::kernel
