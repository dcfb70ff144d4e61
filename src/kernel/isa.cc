#include <atomic>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "kernel/level.h"
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace strata::kernel {
namespace {

constexpr std::string_view kNames[] = {"scalar",      "avx2", "avx512",  "avx512_vnni",
                                       "avx512_bf16", "neon", "neon_dot"};
constexpr int kUnset = -1;
std::atomic<int> level_{kUnset};

std::vector<Isa> detect() {
  std::vector<Isa> found{Isa::scalar};
#if defined(__x86_64__)
  // __builtin_cpu_supports also asks the operating system (xgetbv) whether it saves the registers.
  const auto add = [&](Isa isa, bool has) {
    if (has && int(found.back()) == int(isa) - 1) found.push_back(isa);
  };
  __builtin_cpu_init();
  add(Isa::avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                     __builtin_cpu_supports("f16c"));
  add(Isa::avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"));
  add(Isa::avx512_vnni,
      __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi"));
  add(Isa::avx512_bf16, __builtin_cpu_supports("avx512bf16"));
#elif defined(__aarch64__)
  found.push_back(Isa::neon);
  if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) found.push_back(Isa::neon_dot);
#endif
  return found;
}

std::string list_of_available() {
  std::string list;
  for (Isa isa : isa_available()) list += (list.empty() ? "" : ", ") + std::string(isa_name(isa));
  return list;
}

}  // namespace

const std::vector<Isa>& isa_available() {
  static const std::vector<Isa> levels = detect();
  return levels;
}

std::string_view isa_name(Isa level) { return kNames[int(level)]; }

Isa isa_from_name(std::string_view name) {
  for (Isa isa : isa_available())
    if (isa_name(isa) == name) return isa;
  fail(Code::invalid_argument,
       "STRATA_ISA: this machine has no instruction set '{}'; it runs {}. Use one of these or "
       "unset STRATA_ISA",
       name, list_of_available());
}

Isa isa_level() {
  const int level = level_.load(std::memory_order_relaxed);
  if (level != kUnset) return Isa(level);
  const char* wanted = std::getenv("STRATA_ISA");
  const Isa first = wanted && *wanted ? isa_from_name(wanted) : isa_available().back();
  level_.store(int(first), std::memory_order_relaxed);
  return first;
}

void isa_override(Isa level) {
  level_.store(int(isa_from_name(isa_name(level))), std::memory_order_relaxed);
}

}  // namespace strata::kernel
