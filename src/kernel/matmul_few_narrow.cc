#include "base/check.h"
#include "kernel/matmul_share.h"
#define STRATA_KERNEL "kernel/matmul_few_narrow.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/matmul_few.h"
#else

namespace strata::kernel {

void few_narrow(const Share& share) {
  using layout::Coding;
  switch (share.layout->coding) {
    case Coding::u2: return STRATA_PICK(few<Coding::u2>)(share);
    case Coding::u2x16_min: return STRATA_PICK(few<Coding::u2x16_min>)(share);
    case Coding::u3x16: return STRATA_PICK(few<Coding::u3x16>)(share);
    case Coding::u3x16_book: return STRATA_PICK(few<Coding::u3x16_book>)(share);
    default: STRATA_CHECK(false);
  }
}

}  // namespace strata::kernel
#endif
