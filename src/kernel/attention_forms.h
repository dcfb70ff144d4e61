// The arithmetics that attend() chooses from, one file each. Internal.
#pragma once
#include "kernel/attention.h"

namespace strata::kernel {

/// Floats of one task's rows: what they need must fit (attend_rows_max).
inline constexpr int kAttendArea = 96 << 10;

// `widen`: each block is first rewritten for the form, which pays for many rows and serves types
// that the form does not read as stored.
void attend_float(const Attend& task, bool widen);   // reads f32 and f16 as stored
void attend_pair(const Attend& task, bool widen);    // reads bf16 as stored
void attend_int(const Attend& task);                 // q8_0, q4_0

/// Does the machine have the dot product of bf16 pairs?
bool attend_pair_is_fast();

}  // namespace strata::kernel
