#include "kernel/attention.h"

#include <algorithm>

#include "base/check.h"
#include "kernel/attention_forms.h"

namespace strata::kernel {
namespace {

constexpr int kMostRows = 256;
// From so many rows on, rewriting a block once costs less than reading it as stored for each band.
constexpr int kWidenRows = 16;

}  // namespace

int attend_rows_max(const KvLayout& layout) {
  const int query = layout.d_k + 64, row = query + kKvBlock + layout.d_v_padded() + 16 + 1;
  return std::min(kMostRows, (kAttendArea - 8 * query) / row);
}

void attend(const Attend& task) {
  const KvLayout& l = task.layout;
  STRATA_CHECK(l.d_k >= 1 && l.d_k <= kAttendDim && l.d_v >= 1 && l.d_v <= kAttendDim);
  STRATA_CHECK(!l.latent || l.d_v <= l.d_k);
  STRATA_CHECK(task.n_row >= 1 && task.n_row <= attend_rows_max(l));
  const bool many = task.n_row >= kWidenRows;
  if (l.type == KvType::f32) return attend_float(task, l.latent);
  // What f16 keeps, pairs of bf16 would drop, and for some batches only: near ties would flip.
  if (l.type == KvType::f16 && !l.latent) return attend_float(task, many);
  if ((l.latent || many) && attend_pair_is_fast())
    return attend_pair(task, l.latent || l.type != KvType::bf16);
  if (l.latent || many) return attend_float(task, true);
  if (l.type == KvType::bf16) return attend_pair(task, false);
  attend_int(task);
}

}  // namespace strata::kernel
