#include "kernel/matmul.h"

#include "base/check.h"
#include "kernel/matmul_share.h"

namespace strata::kernel {
namespace {

void few(const Share& share) {
  switch (share.w.type) {
    case Type::q8_0:
    case Type::q4_0:
    case Type::q4_1:
    case Type::q5_0:
    case Type::q5_1: return few_simple(share);
    case Type::q2_k:
    case Type::q3_k:
    case Type::q4_k: return few_k(share);
    case Type::q5_k:
    case Type::q6_k: return few_k_wide(share);
    case Type::iq4_nl:
    case Type::iq4_xs: return few_codebook(share);
    case Type::f32:
    case Type::f16:
    case Type::bf16: break;
  }
  STRATA_CHECK(false);
}

}  // namespace

void matmul(const Matrix& w, const Activation& x, const Output& out, int64_t group_begin,
            int64_t group_end) {
  STRATA_CHECK(group_begin >= 0 && group_end <= w.groups());
  const bool quantised = info(w.type).quantised;
  const Share share{w, x, out, group_begin, group_end};
  if (quantised && x.records) return x.tokens <= kFewTokens ? few(share) : many(share);
  STRATA_CHECK(x.f32);
  return !quantised && x.tokens <= kFewFloatTokens ? few_float(share) : many_float(share);
}

}  // namespace strata::kernel
