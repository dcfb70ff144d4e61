#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "kernel/attention.h"

namespace strata::kernel {

void attend_reference(const Attend& task, const AttendRow& row, const float* k, const float* v,
                      float* out) {
  const int d_k = task.layout.d_k, d_v = task.layout.d_v;
  const int64_t v_pitch = task.layout.latent ? d_k : d_v;
  const float* values = task.layout.latent ? k : v;
  std::fill_n(out, d_v, 0.0f);
  if (row.begin >= row.end) return;
  std::vector<double> weight(row.end - row.begin);
  for (int p = row.begin; p < row.end; ++p) {
    double score = 0;
    for (int i = 0; i < d_k; ++i) score += double(row.q[i]) * k[int64_t(p) * d_k + i];
    score *= task.scale;
    if (task.softcap > 0) score = task.softcap * std::tanh(score / task.softcap);
    weight[p - row.begin] = score - double(row.slope) * std::abs(row.position - p);
  }
  const double top =
      std::max<double>(row.sink, *std::max_element(weight.begin(), weight.end()));
  double sum = std::exp(row.sink - top);
  for (double& w : weight) sum += w = std::exp(w - top);
  for (int i = 0; i < d_v; ++i) {
    double value = 0;
    for (int p = row.begin; p < row.end; ++p)
      value += weight[p - row.begin] * values[p * v_pitch + i];
    out[i] = float(value / sum);
  }
}

}  // namespace strata::kernel
