#include "base/check.h"
#include "kernel/matmul_share.h"
#define STRATA_KERNEL "kernel/matmul_few_simple.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/matmul_few.h"
#else

namespace strata::kernel {

void few_simple(const Share& share) {
  switch (share.w.type) {
    case Type::q8_0: return STRATA_PICK(few<Type::q8_0>)(share);
    case Type::q4_0: return STRATA_PICK(few<Type::q4_0>)(share);
    case Type::q4_1: return STRATA_PICK(few<Type::q4_1>)(share);
    case Type::q5_0: return STRATA_PICK(few<Type::q5_0>)(share);
    case Type::q5_1: return STRATA_PICK(few<Type::q5_1>)(share);
    default: STRATA_CHECK(false);
  }
}

}  // namespace strata::kernel
#endif
