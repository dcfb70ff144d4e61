// How keys and values lie in the cache. A block holds kKvBlock positions of all KV heads of one
// layer; inside it, head by head, first K then V: one ascending stream a head. What a vector
// instruction takes at once lies together:
//
//   type       K                                   V                                     bits
//   f32, f16   [d_k][64]                           [64][d_v]                             32, 16
//   bf16       [d_k / 2][64][2]                    [32][d_v][2]                          16
//   q8_0       [2][d_k / 4][32][4] code + 128,     [d_v / 64]( [16][64][4] code + 128,   8.25 to
//              f16 scales [d_k / 32][64]                       f16 scales [64] )         8.5
//   q4_0       [2][d_k / 8][32][4] code + 8, low   [d_v / 64]( [16][32][4] code + 8,     4.25 to
//              nibbles: channels 0 .. 3 of 8,                  low nibbles: channels     4.5
//              scales as above                                 0 .. 31 of 64, scales )
//   centred    after the scales of K: f16 centre [d_k]                                   0.125 of K
//
// The last [2] and [4] are neighbouring channels of K, neighbouring positions of V: the terms of
// one dot-product instruction. A value is code * scale; a scale serves 32 channels of a key, 64 of
// a value. d_k is padded to 2 (bf16) or 32, d_v to 16 or 64, with zeros. A latent cache has K
// alone; its values are the first d_v of each key (arXiv:2405.04434 section 2.1).
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata::kernel {

inline constexpr int kKvBlock = 64;
inline constexpr int kKvKeyGroup = 32, kKvValueGroup = 64;   // channels that share a scale

enum class KvType : uint8_t { f32, f16, bf16, q8_0, q4_0 };
std::string_view kv_name(KvType type);
std::optional<KvType> kv_type(std::string_view name);

struct KvLayout {
  KvType type = KvType::f16;
  int n_head_kv = 0, d_k = 0, d_v = 0;
  bool latent = false;
  /// Keys and queries, values and outputs, are multiplied by an orthonormal Hadamard matrix inside
  /// kv_store and attend: scores and outputs stay what they are, but an outlier channel is spread
  /// over all, so that the few codes of a group fit better. Source: arXiv:2404.00456 section 4.
  bool rotated = false;
  /// Of quantised types: codes of keys are those of (k - centre) / unit, see KeyFrame.
  bool centred = false;

  bool quantised() const { return type == KvType::q8_0 || type == KvType::q4_0; }
  int d_k_padded() const { return padded(d_k, quantised() ? 32 : type == KvType::bf16 ? 2 : 1); }
  int d_v_padded() const { return padded(d_v, 16); }   // of outputs, too
  int d_v_stored() const { return padded(d_v, quantised() ? 64 : 16); }
  int element_bits() const {
    return type == KvType::f32 ? 32 : type == KvType::q8_0 ? 8 : type == KvType::q4_0 ? 4 : 16;
  }
  size_t k_code_bytes() const { return size_t(kKvBlock) * d_k_padded() * element_bits() / 8; }
  size_t k_bytes() const {
    return k_code_bytes() + k_scale_bytes() + (centred ? size_t(d_k_padded()) * 2 : 0);
  }
  size_t k_scale_bytes() const {
    return quantised() ? size_t(d_k_padded()) / kKvKeyGroup * kKvBlock * 2 : 0;
  }
  size_t k_centre_at() const { return k_code_bytes() + k_scale_bytes(); }   // if centred
  size_t v_tile_code_bytes() const {
    return size_t(kKvBlock) * kKvValueGroup * element_bits() / 8;
  }
  size_t v_tile_bytes() const { return v_tile_code_bytes() + kKvBlock * 2; }
  size_t v_bytes() const {
    return latent        ? 0
           : quantised() ? v_tile_bytes() * (d_v_stored() / kKvValueGroup)
                         : size_t(kKvBlock) * d_v_stored() * element_bits() / 8;
  }
  size_t head_bytes() const { return (k_bytes() + v_bytes() + 63) / 64 * 64; }
  size_t block_bytes() const { return head_bytes() * n_head_kv; }
  /// The size of H: the largest power of two that divides d (latent: what is rotated both ways).
  int k_rotation() const { return latent ? power(d_k | d_v) : power(d_k); }
  int v_rotation() const { return latent ? k_rotation() : power(d_v); }
  double position_bytes() const { return double(block_bytes()) / kKvBlock; }   // of all heads

 private:
  static constexpr int power(int n) { return n & -n; }
  static constexpr int padded(int n, int to) { return (n + to - 1) / to * to; }
};

/// What the codes of a centred head's keys are relative to. Channels of keys lie far apart: some
/// models have a few that are 100 times the others and hardly vary, which would take a group's
/// codes from the rest. What they have in common is therefore kept in the block, once and exactly,
/// and the rest is scaled to similar size; queries are scaled the other way.
/// Source: arXiv:2411.10958 section 3.1 (centres), arXiv:2211.10438 section 4 (units).
struct KeyFrame {
  const float* centre = nullptr;   // [d_k], of the block; null: zeros
  const float* unit = nullptr;     // [d_k] > 0, of the head; null: ones
};

/// Stores one token's key [d_k] and value [d_v] of one head at `slot` (0 .. 63) of a block; latent:
/// v is unused. f16 and bf16 round to nearest even, f16 saturates at its largest finite value;
/// codes round to the nearest. NaN stays NaN (in a quantised group all of it). All keys of a
/// centred block come with the same centre; slot 0, which a block begins with, writes it down.
void kv_store(const KvLayout& layout, uint8_t* block, int head, int slot, const float* k,
              const float* v, const KeyFrame& frame = {});

/// What attend() takes the stored key and value for. Plain and slow: for tests and tools.
void kv_load(const KvLayout& layout, const uint8_t* block, int head, int slot, float* k, float* v,
             const float* unit = nullptr);

/// x = H x in place, block by block of d, with H the orthonormal Hadamard matrix of size `block` (a
/// power of two that divides d). H is its own inverse.
void kv_rotate(float* x, int d, int block);

}  // namespace strata::kernel
