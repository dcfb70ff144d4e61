#include "base/check.h"
#include "kernel/attention.h"
#define STRATA_KERNEL "kernel/kv.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {
namespace {

struct ToF32 {
  using Element = float;
  STRATA_METHOD void operator()(F x, float* out) const { x.store(out); }
};

// Saturates instead of overflowing: an infinite key or value would turn every later score or output
// of its sequence (and of all that share its prefix) into NaN, while a clipped outlier among d
// finite ones keeps its sign and rank. NaN passes: an error upstream is to be seen, not hidden.
struct ToF16 {
  using Element = uint16_t;
  STRATA_METHOD void operator()(F x, uint16_t* out) const {
    const F largest = F::set1(65504.0f);
    max(neg(largest), min(largest, x)).store_f16(out);
  }
};

struct ToBf16 {
  using Element = uint16_t;
  STRATA_METHOD void operator()(F x, uint16_t* out) const { x.store_bf16(out); }
};

}  // namespace

template <class Convert>
static void store(const KvLayout& layout, uint8_t* head, int slot, const float* k, const float* v) {
  using Element = typename Convert::Element;
  const Convert convert{};
  Element* keys = reinterpret_cast<Element*>(head) + slot;
  for (int i = 0; i < layout.d_k; i += 16) {
    const int n = layout.d_k - i < 16 ? layout.d_k - i : 16;
    Element element[16];
    convert(F::load(k + i, n), element);
    for (int j = 0; j < n; ++j) keys[size_t(i + j) * kKvBlock] = element[j];
  }
  if (layout.latent) return;
  Element* values = reinterpret_cast<Element*>(head + layout.k_bytes()) +
                    size_t(slot) * layout.d_v_padded();
  for (int i = 0; i < layout.d_v; i += 16) {
    const int n = layout.d_v - i < 16 ? layout.d_v - i : 16;
    convert(F::load(v + i, n), values + i);   // lanes beyond d_v are zeros: the padding
  }
}

static void run(const KvLayout& layout, uint8_t* head, int slot, const float* k, const float* v) {
  switch (layout.type) {
    case KvType::f32: return store<ToF32>(layout, head, slot, k, v);
    case KvType::f16: return store<ToF16>(layout, head, slot, k, v);
    case KvType::bf16: return store<ToBf16>(layout, head, slot, k, v);
  }
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void kv_store(const KvLayout& layout, uint8_t* block, int head, int slot, const float* k,
              const float* v) {
  STRATA_CHECK(head >= 0 && head < layout.n_head_kv && slot >= 0 && slot < kKvBlock);
  STRATA_PICK(run)(layout, block + head * layout.head_bytes(), slot, k, v);
}

}  // namespace strata::kernel
#endif
