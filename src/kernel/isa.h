// Compiles the including kernel file once per instruction set and picks the best one at run time.
//
// A kernel file x.cc reads
//     #include "kernel/x.h"                    // and every other header: before isa.h
//     #define STRATA_KERNEL "kernel/x.cc"      // its own path
//     #define STRATA_LEVELS_FLOAT              // which levels it wants, see below
//     #include "kernel/isa.h"
//     #ifndef STRATA_DISPATCH
//     namespace strata::kernel::STRATA_ISA {   // once per level, with its F, I and M
//     static void run(const float* x, float* out) { ... }
//     }
//     #else
//     namespace strata::kernel {               // once
//     void x(const float* in, float* out) { STRATA_PICK(run)(in, out); }
//     }
//     #endif
//
//     STRATA_LEVELS_FLOAT   scalar avx2 avx512                          | scalar neon
//     STRATA_LEVELS_BF16    scalar avx2 avx512 avx512_bf16              | scalar neon
//     STRATA_LEVELS_INT     scalar avx2 avx512 avx512_vnni              | scalar neon neon_dot
//     STRATA_LEVELS_ALL     scalar avx2 avx512 avx512_vnni avx512_bf16  | scalar neon neon_dot
//
// Inside the level namespace everything is `static`, and nothing of std:: is called: an inline or
// template function of a header would be emitted there as a weak symbol with the level's
// instructions, and the linker may keep that copy for the whole program.
#ifndef STRATA_ISA_ONCE_
#define STRATA_ISA_ONCE_
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernel/half.h"
#include "kernel/level.h"

#define STRATA_INLINE static inline __attribute__((always_inline))
#define STRATA_METHOD inline __attribute__((always_inline))
#define STRATA_UNROLL _Pragma("GCC unroll 16")
#endif

#ifdef STRATA_ISA
#include STRATA_VEC
#include "kernel/vec_math.h"
#else

#ifndef STRATA_KERNEL
#error "define STRATA_KERNEL as the path of the including file before including kernel/isa.h"
#endif

#define STRATA_ISA scalar
#define STRATA_VEC "kernel/vec_scalar.h"
#include STRATA_KERNEL
#undef STRATA_ISA
#undef STRATA_VEC

#if defined(__x86_64__)

#define STRATA_ISA avx2
#define STRATA_VEC "kernel/vec_avx2.h"
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#include STRATA_KERNEL
#pragma GCC pop_options
#undef STRATA_ISA
#undef STRATA_VEC

#define STRATA_VEC "kernel/vec_avx512.h"
#define STRATA_ISA avx512
#define STRATA_VNNI 0
#define STRATA_BF16 0
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")
#include STRATA_KERNEL
#pragma GCC pop_options
#undef STRATA_ISA
#undef STRATA_VNNI

#define STRATA_VNNI 1
#if defined(STRATA_LEVELS_INT) || defined(STRATA_LEVELS_ALL)
#define STRATA_ISA avx512_vnni
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")
#pragma GCC target("avx512vnni,avx512vbmi")
#include STRATA_KERNEL
#pragma GCC pop_options
#undef STRATA_ISA
#endif
#undef STRATA_BF16

#define STRATA_BF16 1
#if defined(STRATA_LEVELS_BF16) || defined(STRATA_LEVELS_ALL)
#define STRATA_ISA avx512_bf16
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")
#pragma GCC target("avx512vnni,avx512vbmi,avx512bf16")
#include STRATA_KERNEL
#pragma GCC pop_options
#undef STRATA_ISA
#endif
#undef STRATA_BF16
#undef STRATA_VNNI
#undef STRATA_VEC

#elif defined(__aarch64__)

#define STRATA_VEC "kernel/vec_neon.h"
#define STRATA_ISA neon
#define STRATA_DOTPROD 0
#include STRATA_KERNEL
#undef STRATA_ISA
#undef STRATA_DOTPROD

#if defined(STRATA_LEVELS_INT) || defined(STRATA_LEVELS_ALL)
#define STRATA_ISA neon_dot
#define STRATA_DOTPROD 1
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#include STRATA_KERNEL
#pragma GCC pop_options
#undef STRATA_ISA
#undef STRATA_DOTPROD
#endif
#undef STRATA_VEC

#endif

// STRATA_PICK(f): the function f of the best compiled level that isa_level() allows.
#if defined(__x86_64__)
#if defined(STRATA_LEVELS_ALL)
#define STRATA_PICK_TOP_(at, ...) \
  at >= Isa::avx512_bf16 ? &avx512_bf16::__VA_ARGS__ : \
  at >= Isa::avx512_vnni ? &avx512_vnni::__VA_ARGS__ :
#elif defined(STRATA_LEVELS_INT)
#define STRATA_PICK_TOP_(at, ...) at >= Isa::avx512_vnni ? &avx512_vnni::__VA_ARGS__ :
#elif defined(STRATA_LEVELS_BF16)
#define STRATA_PICK_TOP_(at, ...) at >= Isa::avx512_bf16 ? &avx512_bf16::__VA_ARGS__ :
#elif defined(STRATA_LEVELS_FLOAT)
#define STRATA_PICK_TOP_(at, ...)
#else
#error "define one of STRATA_LEVELS_FLOAT, _BF16, _INT, _ALL before including kernel/isa.h"
#endif
#define STRATA_PICK_(at, ...) \
  (STRATA_PICK_TOP_(at, __VA_ARGS__) at >= Isa::avx512 ? &avx512::__VA_ARGS__ : \
   at >= Isa::avx2 ? &avx2::__VA_ARGS__ : &scalar::__VA_ARGS__)
#elif defined(__aarch64__)
#if defined(STRATA_LEVELS_INT) || defined(STRATA_LEVELS_ALL)
#define STRATA_PICK_(at, ...) \
  (at >= Isa::neon_dot ? &neon_dot::__VA_ARGS__ : \
   at >= Isa::neon ? &neon::__VA_ARGS__ : &scalar::__VA_ARGS__)
#else
#define STRATA_PICK_(at, ...) (at >= Isa::neon ? &neon::__VA_ARGS__ : &scalar::__VA_ARGS__)
#endif
#else
#define STRATA_PICK_(at, ...) (&scalar::__VA_ARGS__)
#endif
#define STRATA_PICK(...) STRATA_PICK_(::strata::kernel::isa_level(), __VA_ARGS__)

#define STRATA_DISPATCH
#endif
