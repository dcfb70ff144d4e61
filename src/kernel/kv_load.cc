#include <algorithm>

#include "kernel/half.h"
#include "kernel/kv.h"

namespace strata::kernel {
namespace {

constexpr std::string_view kNames[] = {"f32", "f16", "bf16", "q8_0", "q4_0"};

float element(KvType type, const uint8_t* base, size_t index) {
  switch (type) {
    case KvType::f32: return reinterpret_cast<const float*>(base)[index];
    case KvType::f16: return half::from_f16(reinterpret_cast<const uint16_t*>(base)[index]);
    case KvType::bf16: return half::from_bf16(reinterpret_cast<const uint16_t*>(base)[index]);
    case KvType::q8_0:
    case KvType::q4_0: break;
  }
  return 0;
}

float key(const KvLayout& l, const uint8_t* k, int slot, int i) {
  if (l.type == KvType::bf16)
    return element(l.type, k, size_t(i / 2 * kKvBlock + slot) * 2 + i % 2);
  if (!l.quantised()) return element(l.type, k, size_t(i) * kKvBlock + slot);
  const uint8_t* lanes = k + size_t(slot / 32) * (l.k_code_bytes() / 2);
  const auto* scales = reinterpret_cast<const uint16_t*>(k + l.k_code_bytes());
  const float scale = half::from_f16(scales[i / kKvKeyGroup * kKvBlock + slot]);
  const auto at = [&](int wide) { return lanes[(i / wide * 32 + slot % 32) * 4 + i % 4]; };
  return l.type == KvType::q8_0 ? scale * float(at(4) - 128)
                                : scale * float((at(8) >> (i % 8 < 4 ? 0 : 4) & 15) - 8);
}

float value(const KvLayout& l, const uint8_t* v, int slot, int i) {
  const size_t pitch = l.d_v_stored();
  if (l.type == KvType::bf16) return element(l.type, v, (slot / 2 * pitch + i) * 2 + slot % 2);
  if (!l.quantised()) return element(l.type, v, slot * pitch + i);
  const uint8_t* tile = v + i / kKvValueGroup * l.v_tile_bytes();
  const float scale = half::from_f16(
      reinterpret_cast<const uint16_t*>(tile + l.v_tile_code_bytes())[slot]);
  const int c = i % kKvValueGroup;
  if (l.type == KvType::q8_0) 
    return scale * float(tile[(slot / 4 * 64 + c) * 4 + slot % 4] - 128);
  const int pair = tile[(slot / 4 * 32 + c % 32) * 4 + slot % 4];
  return scale * float((pair >> (c < 32 ? 0 : 4) & 15) - 8);
}

}  // namespace

std::string_view kv_name(KvType type) { return kNames[int(type)]; }

std::optional<KvType> kv_type(std::string_view name) {
  const auto* at = std::find(std::begin(kNames), std::end(kNames), name);
  if (at == std::end(kNames)) return std::nullopt;
  return KvType(at - std::begin(kNames));
}

void kv_load(const KvLayout& l, const uint8_t* block, int head, int slot, float* k, float* v,
             const float* unit) {
  const uint8_t* keys = block + head * l.head_bytes();
  for (int i = 0; i < l.d_k; ++i) k[i] = key(l, keys, slot, i);
  if (!l.latent)
    for (int i = 0; i < l.d_v; ++i) v[i] = value(l, keys + l.k_bytes(), slot, i);
  if (l.rotated) {
    kv_rotate(k, l.d_k, l.k_rotation());
    if (!l.latent) kv_rotate(v, l.d_v, l.v_rotation());
  }
  if (!l.centred) return;
  const auto* centre = reinterpret_cast<const uint16_t*>(keys + l.k_centre_at());
  for (int i = 0; i < l.d_k; ++i) k[i] = k[i] * (unit ? unit[i] : 1) + half::from_f16(centre[i]);
}

}  // namespace strata::kernel
