#include "kernel/matmul_panel.h"
#define STRATA_KERNEL "kernel/matmul_many.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/matmul_many.h"
#else

namespace strata::kernel {

static thread_local ManyScratch scratch;

void many(const Share& share) {
  using layout::Coding;
  switch (share.layout->coding) {
#define STRATA_CODING(name, codes) \
  case Coding::name: return STRATA_PICK(many<Coding::name>)(share, scratch);
    STRATA_CODINGS(STRATA_CODING)
#undef STRATA_CODING
  }
}

}  // namespace strata::kernel
#endif
