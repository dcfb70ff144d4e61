// STRATA_CHECK: an invariant whose failure is a bug in strata. No input may reach it.
#pragma once

namespace strata {
[[noreturn]] void check_failed(const char* file, int line, const char* condition);
}

#define STRATA_CHECK(condition)        \
  (__builtin_expect(!!(condition), 1)  \
       ? (void)0                       \
       : ::strata::check_failed(__FILE__, __LINE__, #condition))
