// Random numbers that depend on nothing but (seed, stream, position): what a sequence draws is the
// same alone, in a batch, and after a preemption.
#pragma once
#include <cstdint>

namespace strata::engine {

/// Uniform in [0, 1) with 53 bits. Philox-4x32-10 with key `seed` and counter (position, stream).
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
inline double uniform(uint64_t seed, uint64_t stream, uint64_t position) {
  uint32_t c[4] = {uint32_t(position), uint32_t(position >> 32), uint32_t(stream),
                   uint32_t(stream >> 32)};
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t(c[0]) * 0xD2511F53u, b = uint64_t(c[2]) * 0xCD9E8D57u;
    uint32_t next[4] = {uint32_t(b >> 32) ^ c[1] ^ k0, uint32_t(b),
                        uint32_t(a >> 32) ^ c[3] ^ k1, uint32_t(a)};
    for (int i = 0; i < 4; ++i) c[i] = next[i];
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  uint64_t bits = (uint64_t(c[0]) << 32) | c[1];
  return double(bits >> 11) * 0x1p-53;
}

}  // namespace strata::engine
