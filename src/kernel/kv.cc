#include "kernel/kv.h"

#include "base/check.h"
#define STRATA_KERNEL "kernel/kv.cc"
#define STRATA_LEVELS_FLOAT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {

STRATA_INLINE int lanes_left(int n, int i) { return n - i < 16 ? n - i : 16; }

STRATA_INLINE void put_f32(F x, float* p) { x.store(p); }
// Saturates instead of overflowing: an infinite key or value would turn every later score or output
// of its sequence (and of all that share its prefix) into NaN, while a clipped outlier among d
// finite ones keeps its sign and rank. NaN passes: an error upstream is to be seen, not hidden.
STRATA_INLINE void put_f16(F x, uint16_t* p) {
  const F largest = F::set1(65504.0f);
  max(neg(largest), min(largest, x)).store_f16(p);
}

template <class Element, void (*put)(F, Element*)>
static void store_floats(const KvLayout& l, uint8_t* head, int slot, const float* k,
                         const float* v) {
  Element* keys = reinterpret_cast<Element*>(head) + slot;
  for (int i = 0; i < l.d_k; i += 16) {
    Element element[16];
    put(F::load(k + i, lanes_left(l.d_k, i)), element);
    for (int j = 0; j < lanes_left(l.d_k, i); ++j) keys[size_t(i + j) * kKvBlock] = element[j];
  }
  if (l.latent) return;
  Element* values = reinterpret_cast<Element*>(head + l.k_bytes()) + size_t(slot) * l.d_v_stored();
  for (int i = 0; i < l.d_v; i += 16)   // lanes beyond d_v are zeros: the padding
    put(F::load(v + i, lanes_left(l.d_v, i)), values + i);
}

static void store_bf16(const KvLayout& l, uint8_t* head, int slot, const float* k,
                       const float* v) {
  uint16_t* keys = reinterpret_cast<uint16_t*>(head) + 2 * slot;
  for (int i = 0; i < l.d_k_padded(); i += 16) {
    uint16_t element[16];
    F::load(k + i, lanes_left(l.d_k, i)).store_bf16(element);
    for (int j = 0; j < lanes_left(l.d_k_padded(), i); ++j)
      keys[size_t(i + j) / 2 * 2 * kKvBlock + j % 2] = element[j];
  }
  if (l.latent) return;
  uint16_t* values = reinterpret_cast<uint16_t*>(head + l.k_bytes()) +
                     size_t(slot / 2) * 2 * l.d_v_stored() + slot % 2;
  for (int i = 0; i < l.d_v; i += 16) {
    uint16_t element[16];
    F::load(v + i, lanes_left(l.d_v, i)).store_bf16(element);
    for (int j = 0; j < 16; ++j) values[2 * (i + j)] = element[j];
  }
}

/// n values as codes in [-largest, largest], times the scale that is returned.
STRATA_INLINE uint16_t quantise(const float* x, int n, int largest, int8_t* code) {
  F top = F::zero(), sum = F::zero();
  for (int i = 0; i < n; i += 16) {
    const F v = F::load(x + i);
    top = max(abs(v), top);
    sum = sum + v;
  }
  const float most = reduce_max(top), limit = 65504.0f * float(largest);
  const float total = reduce_add(sum);   // NaN where one value is
  float scale = (most < limit ? most : limit) / float(largest);
  uint16_t stored = half::to_f16(scale);
  scale = half::from_f16(stored);
  const F inverse = F::set1(scale > 0 ? 1 / scale : 0);
  const F low = F::set1(-float(largest)), high = F::set1(float(largest));
  for (int i = 0; i < n; i += 16)
    store_s8(round_i(max(low, min(high, F::load(x + i) * inverse))), code + i);
  return total == total ? stored : uint16_t(0x7e00);
}

// A scale of 4-bit codes: of a few candidates the one with the least squared error. The extreme
// value takes code -8, which has no positive twin.
STRATA_INLINE uint16_t quantise4(const float* x, int n, int8_t* code) {
  float most = 0, total = 0;
  for (int i = 0; i < n; ++i) {
    const float a = __builtin_fabsf(x[i]);
    if (a > __builtin_fabsf(most)) most = x[i];
    total += x[i];
  }
  if (total != total) return 0x7e00;
  if (most > 8 * 65504.0f) most = 8 * 65504.0f;
  if (most < -8 * 65504.0f) most = -8 * 65504.0f;
  uint16_t best = 0;
  float least = __builtin_inff();
  for (const float reach : {8.0f, 7.6f, 7.2f, 8.5f}) {
    const uint16_t stored = half::to_f16(most / -reach);
    const float scale = half::from_f16(stored);
    const F s = F::set1(scale), inverse = F::set1(scale != 0 ? 1 / scale : 0);
    F error = F::zero();
    for (int i = 0; i < n; i += 16) {
      const F v = F::load(x + i);
      const F off = fnma(round(max(F::set1(-8), min(F::set1(7), v * inverse))), s, v);
      error = fma(off, off, error);
    }
    const float e = reduce_add(error);
    if (reach != 8 && !(e < least)) continue;
    least = e;
    best = stored;
  }
  const float scale = half::from_f16(best);
  const F inverse = F::set1(scale != 0 ? 1 / scale : 0);
  for (int i = 0; i < n; i += 16)
    store_s8(round_i(max(F::set1(-8), min(F::set1(7), F::load(x + i) * inverse))), code + i);
  return best;
}

/// x[0 .. d) and zeros up to `to`, rotated if the layout is.
static void stage(const KvLayout& l, const float* x, int d, int to, int block, float* out) {
  for (int i = 0; i < to; ++i) out[i] = i < d ? x[i] : 0;
  if (l.rotated) kv_rotate(out, d, block);
}

/// x = (k - centre) / unit, the centre being what the block holds of it.
static void centre_key(const KvLayout& l, uint8_t* head, int slot, const float* k,
                       const KeyFrame& frame, float* x) {
  alignas(64) uint16_t centre[1024];
  for (int i = 0; i < l.d_k_padded(); ++i) {
    const float c = frame.centre && i < l.d_k ? frame.centre[i] : 0;
    centre[i] = half::to_f16(c < -65504 ? -65504 : c > 65504 ? 65504 : c);
  }
  for (int i = 0; i < l.d_k; ++i)
    x[i] = (k[i] - half::from_f16(centre[i])) / (frame.unit ? frame.unit[i] : 1);
  if (slot == 0) __builtin_memcpy(head + l.k_centre_at(), centre, size_t(l.d_k_padded()) * 2);
}

static void store_codes(const KvLayout& l, uint8_t* head, int slot, const float* k, const float* v,
                        const KeyFrame& frame) {
  const bool nibbles = l.type == KvType::q4_0;
  float x[1024], centred[1024];
  int8_t code[64];
  if (l.centred) {
    centre_key(l, head, slot, k, frame, centred);
    k = centred;
  }
  stage(l, k, l.d_k, l.d_k_padded(), l.k_rotation(), x);
  const int wide = nibbles ? 8 : 4;   // channels of one 4-byte lane
  uint8_t* lanes = head + size_t(slot / 32) * (l.k_code_bytes() / 2) + slot % 32 * 4;
  uint16_t* scales = reinterpret_cast<uint16_t*>(head + l.k_code_bytes());
  for (int i = 0; i < l.d_k_padded(); i += kKvKeyGroup) {
    scales[i / kKvKeyGroup * kKvBlock + slot] =
        nibbles ? quantise4(x + i, kKvKeyGroup, code) : quantise(x + i, kKvKeyGroup, 127, code);
    for (int j = 0; j < kKvKeyGroup; j += wide) {
      uint8_t* lane = lanes + size_t(i + j) / wide * 32 * 4;
      for (int b = 0; b < 4; ++b)
        lane[b] = nibbles ? uint8_t((code[j + b] + 8) | (code[j + 4 + b] + 8) << 4)
                          : uint8_t(code[j + b] + 128);
    }
  }
  if (l.latent) return;
  stage(l, v, l.d_v, l.d_v_stored(), l.v_rotation(), x);
  const int quad = slot / 4, b = slot % 4;
  for (int i = 0; i < l.d_v_stored(); i += kKvValueGroup) {
    uint8_t* tile = head + l.k_bytes() + size_t(i) / kKvValueGroup * l.v_tile_bytes();
    reinterpret_cast<uint16_t*>(tile + l.v_tile_code_bytes())[slot] =
        nibbles ? quantise4(x + i, kKvValueGroup, code)
                : quantise(x + i, kKvValueGroup, 127, code);
    if (nibbles)
      for (int j = 0; j < 32; ++j)
        tile[(quad * 32 + j) * 4 + b] = uint8_t((code[j] + 8) | (code[32 + j] + 8) << 4);
    else
      for (int j = 0; j < 64; ++j) tile[(quad * 64 + j) * 4 + b] = uint8_t(code[j] + 128);
  }
}

static void run(const KvLayout& layout, uint8_t* head, int slot, const float* k, const float* v,
                const KeyFrame& frame) {
  switch (layout.type) {
    case KvType::f32: return store_floats<float, put_f32>(layout, head, slot, k, v);
    case KvType::f16: return store_floats<uint16_t, put_f16>(layout, head, slot, k, v);
    case KvType::bf16: return store_bf16(layout, head, slot, k, v);
    case KvType::q8_0:
    case KvType::q4_0: return store_codes(layout, head, slot, k, v, frame);
  }
}

/// One stage of butterflies at a time, 16 lanes where the distance allows.
static void rotate(float* x, int d, int size) {
  for (int at = 0; at < d; at += size)
    for (int h = 1; h < size; h *= 2)
      for (int i = at; i < at + size; i += 2 * h) {
        if (h >= 16) {
          for (int j = i; j < i + h; j += 16) {
            const F a = F::load(x + j), b = F::load(x + j + h);
            (a + b).store(x + j);
            (a - b).store(x + j + h);
          }
        } else {
          for (int j = i; j < i + h; ++j) {
            const float a = x[j], b = x[j + h];
            x[j] = a + b;
            x[j + h] = a - b;
          }
        }
      }
  const float norm = 1 / __builtin_sqrtf(float(size));
  for (int i = 0; i < d; ++i) x[i] *= norm;
}

}  // namespace strata::kernel::STRATA_ISA
#else
namespace strata::kernel {

void kv_store(const KvLayout& layout, uint8_t* block, int head, int slot, const float* k,
              const float* v, const KeyFrame& frame) {
  STRATA_CHECK(head >= 0 && head < layout.n_head_kv && slot >= 0 && slot < kKvBlock);
  STRATA_CHECK(!layout.centred || (layout.quantised() && !layout.latent));
  STRATA_CHECK(!layout.quantised() || (layout.d_k <= 960 && layout.d_v <= 960));
  STRATA_PICK(run)(layout, block + head * layout.head_bytes(), slot, k, v, frame);
}

void kv_rotate(float* x, int d, int block) { STRATA_PICK(rotate)(x, d, block); }

}  // namespace strata::kernel
#endif
