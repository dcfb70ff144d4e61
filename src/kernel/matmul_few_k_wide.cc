#include "base/check.h"
#include "kernel/matmul_share.h"
#define STRATA_KERNEL "kernel/matmul_few_k_wide.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/matmul_few.h"
#else

namespace strata::kernel {

void few_k_wide(const Share& share) {
  switch (share.w.type) {
    case Type::q5_k: return STRATA_PICK(few<Type::q5_k>)(share);
    case Type::q6_k: return STRATA_PICK(few<Type::q6_k>)(share);
    default: STRATA_CHECK(false);
  }
}

}  // namespace strata::kernel
#endif
