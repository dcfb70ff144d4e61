#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace strata {

void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: check failed: %s\nThis is a bug in strata; please report it.\n",
               file, line, condition);
  std::abort();
}

}  // namespace strata
