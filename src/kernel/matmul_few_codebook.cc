#include "base/check.h"
#include "kernel/matmul_share.h"
#define STRATA_KERNEL "kernel/matmul_few_codebook.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/matmul_few.h"
#else

namespace strata::kernel {

void few_codebook(const Share& share) {
  switch (share.w.type) {
    case Type::iq4_nl: return STRATA_PICK(few<Type::iq4_nl>)(share);
    case Type::iq4_xs: return STRATA_PICK(few<Type::iq4_xs>)(share);
    default: STRATA_CHECK(false);
  }
}

}  // namespace strata::kernel
#endif
