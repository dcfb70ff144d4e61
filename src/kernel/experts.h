// What a mixture of experts needs beside router.h and matrix products.
#pragma once
#include "kernel/matmul.h"

namespace strata::kernel {

/// out = records of the rows from[0 .. n) of a batch of `tokens` rows, tiled as a batch of n.
void gather_records(const Record* batch, int64_t cols, int64_t tokens, const int32_t* from,
                    int64_t n, Record* out);
/// y += x * s.
void add_scaled(const float* x, float s, int64_t n, float* y);
/// out = g sigmoid(alpha g) (u + 1), g = min(gate, limit), u = up within +-limit.
/// Source: the reference code of gpt-oss.
void clamped_glu(const float* gate, const float* up, float alpha, float limit, int64_t n,
                 float* out);

}  // namespace strata::kernel
