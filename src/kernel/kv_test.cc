// kv_store against the layout written down in attention.h and against the definition of rounding.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernel/attention.h"
#include "kernel/every_isa_test.h"

namespace strata::kernel {
namespace {

/// The value of an f16 by IEEE 754-2008 section 3.4.
double f16_value(uint16_t h) {
  const int exponent = h >> 10 & 31, fraction = h & 1023;
  const double magnitude = exponent == 0    ? std::ldexp(fraction, -24)
                           : exponent == 31 ? (fraction ? NAN : INFINITY)
                                            : std::ldexp(1024 + fraction, exponent - 25);
  return h & 0x8000 ? -magnitude : magnitude;
}

/// The finite f16 nearest to x, the one with an even last bit on ties.
uint16_t nearest_f16(double x) {
  uint16_t low = 0, high = 0x7bff;   // magnitudes ascend with their bits
  const double magnitude = std::abs(x);
  while (low < high) {
    const uint16_t middle = uint16_t((low + high + 1) / 2);
    if (f16_value(middle) <= magnitude) low = middle;
    else high = uint16_t(middle - 1);
  }
  if (low < 0x7bff) {
    const double down = magnitude - f16_value(low), up = f16_value(uint16_t(low + 1)) - magnitude;
    if (up < down || (up == down && low % 2)) ++low;
  }
  return uint16_t(low | (std::signbit(x) ? 0x8000 : 0));
}

class KvStore : public EveryIsa {
 protected:
  /// The key stored for `values`, read back through the layout.
  std::vector<uint16_t> stored_keys(KvType type, const std::vector<float>& values) {
    const KvLayout layout{type, 1, int(values.size()), 1};
    std::vector<uint8_t> block(layout.block_bytes(), 0xff);
    const float v = 0;
    kv_store(layout, block.data(), 0, 9, values.data(), &v);
    std::vector<uint16_t> out(values.size());
    for (size_t i = 0; i < out.size(); ++i)
      std::memcpy(&out[i], &block[(i * kKvBlock + 9) * 2], 2);
    return out;
  }
};

TEST_P(KvStore, F16RoundsToNearestEvenAndSaturates) {
  std::vector<float> x;
  std::uniform_int_distribution<uint32_t> bits;
  for (int i = 0; i < 20000; ++i) {
    float f;
    const uint32_t b = bits(rng_);
    std::memcpy(&f, &b, 4);
    if (!std::isnan(f)) x.push_back(f);
  }
  for (uint16_t h = 0; h < 0x7bff; h += 13) {   // exact values and ties between neighbours
    const double here = f16_value(h), next = f16_value(uint16_t(h + 1));
    for (double v : {here, (here + next) / 2}) {
      x.push_back(float(v));
      x.push_back(float(-v));
      x.push_back(std::nextafter(float(v), INFINITY));
    }
  }
  for (float f : {65504.0f, 65519.0f, 65520.0f, 1e6f, 3e38f, -65520.0f, INFINITY, -INFINITY})
    x.push_back(f);
  const std::vector<uint16_t> got = stored_keys(KvType::f16, x);
  for (size_t i = 0; i < x.size(); ++i)
    ASSERT_EQ(got[i], nearest_f16(std::clamp(double(x[i]), -65504.0, 65504.0))) << x[i];
}

TEST_P(KvStore, Bf16RoundsToNearestEven) {
  std::vector<float> x = {1.0f, -1.0f, 1.00390625f, 1.01171875f, 1.003907f, 3e38f, 1e-40f, 0.0f};
  const std::vector<uint16_t> want = {0x3f80, 0xbf80, 0x3f80, 0x3f82, 0x3f81, 0x7f62, 0x0001, 0};
  EXPECT_EQ(stored_keys(KvType::bf16, x), want);
}

TEST_P(KvStore, NanStaysNan) {
  const std::vector<float> x(20, NAN);
  for (uint16_t h : stored_keys(KvType::f16, x)) EXPECT_TRUE(std::isnan(f16_value(h)));
  for (uint16_t h : stored_keys(KvType::bf16, x)) EXPECT_GT(h & 0x7fff, 0x7f80);
}

TEST_P(KvStore, TouchesItsOwnSlotAlone) {
  for (KvType type : {KvType::f32, KvType::f16, KvType::bf16})
    for (int d_v : {16, 20, 33}) {
      const KvLayout layout{type, 3, 24, d_v};
      const int bytes = layout.element_bytes();
      std::vector<uint8_t> block(layout.block_bytes(), 0xee);
      std::vector<float> k(24, 1.0f), v(d_v, 1.0f);
      kv_store(layout, block.data(), 1, 63, k.data(), v.data());
      std::vector<uint8_t> one(4);   // 1.0: the upper bytes of a bf16 or f32, or an f16
      const float f = 1;
      const uint16_t h = 0x3c00;
      if (type == KvType::f16) std::memcpy(one.data(), &h, 2);
      else std::memcpy(one.data(), reinterpret_cast<const uint8_t*>(&f) + (4 - bytes), bytes);
      size_t changed = 0;
      for (size_t i = 0; i < block.size(); ++i) changed += block[i] != 0xee;
      EXPECT_EQ(changed, size_t(24 + layout.d_v_padded()) * bytes);
      const uint8_t* head = block.data() + layout.head_bytes();
      for (int i = 0; i < 24; ++i)
        EXPECT_EQ(std::memcmp(head + (i * kKvBlock + 63) * bytes, one.data(), bytes), 0);
      const uint8_t* value = head + layout.k_bytes() + size_t(63) * layout.d_v_padded() * bytes;
      for (int i = 0; i < d_v; ++i) EXPECT_EQ(std::memcmp(value + i * bytes, one.data(), bytes), 0);
      for (int i = d_v * bytes; i < layout.d_v_padded() * bytes; ++i) EXPECT_EQ(value[i], 0);
    }
}

STRATA_EVERY_ISA(KvStore);

}  // namespace
}  // namespace strata::kernel
