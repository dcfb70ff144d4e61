#include "kernel/matmul.h"

#include "base/check.h"
#include "base/tuning.h"
#include "kernel/matmul_share.h"
#include "kernel/quant/format.h"

namespace strata::kernel {
namespace {

static_assert(Tuning{}.few_tokens == kFewTokens);

void few(const Share& share) {
  const int bits = layout::codes_of(share.layout->coding).bits;
  if (bits < 4) few_narrow(share);
  else if (bits == 4) few_four(share);
  else few_wide(share);
}

Share share_of(const Matrix& w, const Activation& x, const Output& out, int64_t begin,
               int64_t end) {
  const quant::Format& format = quant::format_of(w.type);
  return {.w = w,
          .x = x,
          .out = out,
          .group_begin = begin,
          .group_end = end,
          .group_bytes = group_bytes(w.type, w.cols),
          .layout = format.packing.codes ? &format.packing.layout : nullptr,
          .read_header = layout::header_reader()};
}

}  // namespace

void matmul(const Matrix& w, const Activation& x, const Output& out, int64_t group_begin,
            int64_t group_end) {
  STRATA_CHECK(group_begin >= 0 && group_end <= w.groups());
  const Share share = share_of(w, x, out, group_begin, group_end);
  const bool quantised = info(w.type).quantised;
  if (quantised && x.records) {
    if (x.tokens <= tuning().few_tokens) few(share);
    else if (!many_amx(share)) many(share);
    return;
  }
  STRATA_CHECK(x.f32);
  if (!quantised && x.tokens <= kFewFloatTokens) return few_float(share);
  const bool rounds = w.round_input && (w.type == Type::bf16 || (!quantised && share.layout));
  if (!rounds || !many_bf16(share)) many_float(share);
}

void unpack_row(const Matrix& w, int64_t row, float* out) {
  STRATA_CHECK(row >= 0 && row < w.rows);
  unpack_row(share_of(w, {}, {}, 0, w.groups()), row, out);
}

}  // namespace strata::kernel
