// The scale of a block that loses least: a search around the scale the extreme value asks for.
//
// The extreme value decides a naive scale although one value in 32 has it. Each candidate scale
// gives codes, the codes give a better scale by least squares, and the candidate with the smallest
// sum of squared errors wins.
#pragma once
#include <cstdint>

namespace strata::kernel::quant {

/// NaN and infinities become 0, so that one bad weight does not spoil its block.
float finite(float x);
/// f16 of a scale, saturated to the largest finite one.
uint16_t scale_f16(float d);
/// x / d to the nearest integer in [low, high]; 0 clamped to the range if d is 0.
int code(float x, float d, int low, int high);

/// Codes q in [-127, 127] of count values x ~= d q, the extreme one exact; returns d.
float quantise_i8(const float* x, int count, int8_t* q);

/// d of x ~= d q, q in [-n, n - 1]; negative when the extreme value is positive, so that it takes
/// the code -n. 0 if all values are 0.
float search_symmetric(const float* x, int count, int n);

/// d of x ~= d t, t in {-1, 0, 1}: the least squares of all d.
float search_ternary(const float* x, int count);

/// d of x ~= d levels[q], levels ascending; of either sign.
float search_levels(const float* x, int count, const int8_t* levels, int n_level);
/// Index of the level nearest to x.
int nearest_level(float x, const int8_t* levels, int n_level);

/// x ~= d q + m, q in [0, n].
struct Affine {
  float d, m;
};
/// `m_not_positive`: for formats that store -m unsigned.
Affine search_affine(const float* x, int count, int n, bool m_not_positive);

}  // namespace strata::kernel::quant
