// Matrix tiles (AMX): eight registers of up to 16 rows of 64 bytes, and products of whole tiles.
//
// Two classes with the same static functions: AmxTiles issues the instructions, ModelTiles does in
// plain C++ what the manual says they do, so that a schedule of tiles can be tested on a machine
// that has none. c += a b means, for row m of a (signed bytes) and four bytes of each of 16 dword
// lanes n of a row k of b (unsigned):
//     c[m][n] += a[m][4 k + 0] b[k][4 n + 0] + ... + a[m][4 k + 3] b[k][4 n + 3]
// Source: Intel Architecture Instruction Set Extensions Programming Reference, chapter 3.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace strata::kernel {

/// Rows and bytes a row of each tile in use; the memory image that LDTILECFG reads.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};
  constexpr void set(int tile, int n_row, int n_byte) {
    rows[tile] = uint8_t(n_row);
    bytes[tile] = uint16_t(n_byte);
  }
};
static_assert(sizeof(TileConfig) == 64);

struct ModelTiles {
  struct State {
    TileConfig config;
    uint8_t data[8][16][64];
  };
  static State& state() {
    static thread_local State s{};
    return s;
  }
  /// Every tile in use becomes zero.
  static void configure(const TileConfig& c) {
    state().config = c;
    std::memset(state().data, 0, sizeof(State::data));
  }
  static void release() { configure({}); }
  template <int t> static void zero() { std::memset(state().data[t], 0, sizeof(State::data[t])); }
  template <int t> static void load(const void* from, size_t stride) {
    State& s = state();
    zero<t>();
    for (int r = 0; r < s.config.rows[t]; ++r)
      std::memcpy(s.data[t][r], static_cast<const uint8_t*>(from) + r * stride, s.config.bytes[t]);
  }
  template <int t> static void store(void* to, size_t stride) {
    const State& s = state();
    for (int r = 0; r < s.config.rows[t]; ++r)
      std::memcpy(static_cast<uint8_t*>(to) + r * stride, s.data[t][r], s.config.bytes[t]);
  }
  template <int c, int a, int b> static void dot_s8_u8() {
    State& s = state();
    for (int m = 0; m < s.config.rows[c]; ++m)
      for (int k = 0; k < s.config.bytes[a] / 4; ++k)
        for (int n = 0; n < s.config.bytes[c] / 4; ++n) {
          int32_t sum;
          std::memcpy(&sum, &s.data[c][m][4 * n], 4);
          for (int i = 0; i < 4; ++i)
            sum += int8_t(s.data[a][m][4 * k + i]) * int(s.data[b][k][4 * n + i]);
          std::memcpy(&s.data[c][m][4 * n], &sum, 4);
        }
  }
};

#if defined(__x86_64__)
// Written as assembly: the compiler's own functions take literals only as tile numbers, and exist
// only where AMX is a target.
struct AmxTiles {
  static void configure(const TileConfig& c) { asm volatile("ldtilecfg %0" : : "m"(c)); }
  static void release() { asm volatile("tilerelease"); }
  template <int t> static void zero() { asm volatile("tilezero %%tmm%c0" : : "i"(t)); }
  template <int t> static void load(const void* from, size_t stride) {
    asm volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(t), "r"(from), "r"(stride) : "memory");
  }
  template <int t> static void store(void* to, size_t stride) {
    asm volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(t), "r"(to), "r"(stride) : "memory");
  }
  template <int c, int a, int b> static void dot_s8_u8() {
    asm volatile("tdpbsud %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(b));
  }
};

/// Has the processor AMX with bytes, saves the system its registers, and may this process use them?
/// The first call asks the kernel (arch_prctl ARCH_REQ_XCOMP_PERM) for all threads of the process.
/// STRATA_AMX=0 answers no.
bool amx_available();
#endif

}  // namespace strata::kernel
