// Many tokens, int8, on a processor with matrix tiles.
#include "kernel/matmul_panel.h"
#include "kernel/tiles.h"
#define STRATA_KERNEL "kernel/matmul_amx.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

// Every processor with tiles has the 512-bit dot products; one level is enough.
#if !defined(STRATA_DISPATCH) && defined(STRATA_VNNI) && STRATA_VNNI
#include "kernel/matmul_many.h"
#include "kernel/matmul_tiles.h"
#endif

#ifdef STRATA_DISPATCH
namespace strata::kernel {

#if defined(__x86_64__)
bool many_amx(const Share& share) {
  if (isa_level() < Isa::avx512_vnni || !amx_available()) return false;
  static thread_local ManyScratch scratch;
  using layout::Coding;
  switch (share.layout->coding) {
#define STRATA_CODING(name, codes)                                                     \
  case Coding::name:                                                                   \
    avx512_vnni::many<Coding::name, avx512_vnni::TileDots<AmxTiles>>(share, scratch);  \
    return true;
    STRATA_CODINGS(STRATA_CODING)
#undef STRATA_CODING
  }
  return false;
}
#else
bool many_amx(const Share&) { return false; }
#endif

}  // namespace strata::kernel
#endif
