#include "base/check.h"
#include "kernel/matmul_share.h"
#define STRATA_KERNEL "kernel/matmul_few_four.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/matmul_few.h"
#else

namespace strata::kernel {

void few_four(const Share& share) {
  using layout::Coding;
  switch (share.layout->coding) {
    case Coding::u4: return STRATA_PICK(few<Coding::u4>)(share);
    case Coding::u4_min: return STRATA_PICK(few<Coding::u4_min>)(share);
    case Coding::u4_book: return STRATA_PICK(few<Coding::u4_book>)(share);
    case Coding::u4x16_book: return STRATA_PICK(few<Coding::u4x16_book>)(share);
    default: STRATA_CHECK(false);
  }
}

}  // namespace strata::kernel
#endif
