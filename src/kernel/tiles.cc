#include "kernel/tiles.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace strata::kernel {
namespace {

constexpr unsigned kAmxTile = 1u << 24, kAmxInt8 = 1u << 25;   // leaf 7, edx
constexpr unsigned kOsxsave = 1u << 27;                       // leaf 1, ecx
constexpr unsigned kTileState = 3u << 17;                     // of XCR0: configuration and data
constexpr int kRequestPermission = 0x1023, kTileData = 18;    // arch_prctl's

bool detect() {
  const char* wanted = std::getenv("STRATA_AMX");
  if (wanted && std::string_view(wanted) == "0") return false;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & kOsxsave)) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  if (!(d & kAmxTile) || !(d & kAmxInt8)) return false;
  unsigned low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & kTileState) != kTileState) return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

bool amx_available() {
  static const bool available = detect();
  return available;
}

}  // namespace strata::kernel
#endif
