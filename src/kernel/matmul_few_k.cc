#include "base/check.h"
#include "kernel/matmul_share.h"
#define STRATA_KERNEL "kernel/matmul_few_k.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/matmul_few.h"
#else

namespace strata::kernel {

void few_k(const Share& share) {
  switch (share.w.type) {
    case Type::q2_k: return STRATA_PICK(few<Type::q2_k>)(share);
    case Type::q3_k: return STRATA_PICK(few<Type::q3_k>)(share);
    case Type::q4_k: return STRATA_PICK(few<Type::q4_k>)(share);
    default: STRATA_CHECK(false);
  }
}

}  // namespace strata::kernel
#endif
