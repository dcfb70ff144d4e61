#include "base/check.h"
#include "kernel/matmul_share.h"
#define STRATA_KERNEL "kernel/matmul_few_wide.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/matmul_few.h"
#else

namespace strata::kernel {

void few_wide(const Share& share) {
  using layout::Coding;
  switch (share.layout->coding) {
    case Coding::u5: return STRATA_PICK(few<Coding::u5>)(share);
    case Coding::u5_min: return STRATA_PICK(few<Coding::u5_min>)(share);
    case Coding::u6x16: return STRATA_PICK(few<Coding::u6x16>)(share);
    case Coding::u8: return STRATA_PICK(few<Coding::u8>)(share);
    default: STRATA_CHECK(false);
  }
}

}  // namespace strata::kernel
#endif
