// Reads a span's header.
#pragma once
#include "kernel/layout/layout.h"

namespace strata::kernel::layout {

/// scale[i * step .. + 16] and, for codings with a minimum, min[...]: the values of 16 rows for
/// every 32 or 16 columns i (Codes::sub) of the span's `blocks`. May write those of a whole span.
using HeaderReader = void (*)(const Layout& layout, const uint8_t* span, int blocks, float* scale,
                              float* min, int step);
/// For the instruction set in use.
HeaderReader header_reader();

}  // namespace strata::kernel::layout
