// Loads of packed weights. No include guard: once per instruction set, between isa.h and the
// kernel's own code.
namespace strata::kernel::STRATA_ISA {

using layout::kLine;

STRATA_INLINE I line(const uint8_t* p, int i) { return I::load_once(p + i * kLine); }
STRATA_INLINE F half16(const uint8_t* p) {
  return F::load_f16(reinterpret_cast<const uint16_t*>(p));
}

}  // namespace strata::kernel::STRATA_ISA
