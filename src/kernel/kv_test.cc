// kv_store against the layout written down in attention.h and against the definition of rounding.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernel/kv.h"
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
    for (size_t i = 0; i < out.size(); ++i) {
      const size_t at =
          type == KvType::bf16 ? (i / 2 * kKvBlock + 9) * 2 + i % 2 : i * kKvBlock + 9;
      std::memcpy(&out[i], &block[at * 2], 2);
    }
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

constexpr KvType kTypes[] = {KvType::f32, KvType::f16, KvType::bf16, KvType::q8_0, KvType::q4_0};

TEST_P(KvStore, EverySlotIsReadBackAndNoOtherChanges) {
  std::normal_distribution<float> normal;
  for (KvType type : kTypes)
    for (auto [d_k, d_v] :
         std::vector<std::pair<int, int>>{{24, 20}, {64, 64}, {33, 130}, {1, 3}}) {
      SCOPED_TRACE(testing::Message() << kv_name(type) << " d " << d_k << "," << d_v);
      const KvLayout layout{type, 2, d_k, d_v};
      std::vector<uint8_t> block(layout.block_bytes(), 0);
      std::vector<std::vector<float>> k, v;
      for (int slot = 0; slot < kKvBlock; ++slot) {
        k.emplace_back(d_k);
        v.emplace_back(d_v);
        for (float& x : k.back()) x = normal(rng_);
        for (float& x : v.back()) x = normal(rng_);
        kv_store(layout, block.data(), 1, slot, k.back().data(), v.back().data());
      }
      for (size_t i = 0; i < layout.head_bytes(); ++i) ASSERT_EQ(block[i], 0) << "another head";
      // Half an ulp, or half a step of the largest of a group; of 4 bits, whose codes reach from -8
      // to 7, a step.
      const float bound = type == KvType::q4_0   ? 0.7f
                          : type == KvType::q8_0 ? 0.022f
                          : type == KvType::bf16 ? 0.0157f
                          : type == KvType::f16  ? 0.002f
                                                 : 0;
      std::vector<float> key(d_k), value(d_v);
      for (int slot = 0; slot < kKvBlock; ++slot) {
        kv_load(layout, block.data(), 1, slot, key.data(), value.data());
        for (int i = 0; i < d_k; ++i) ASSERT_NEAR(key[i], k[slot][i], bound) << slot << " " << i;
        for (int i = 0; i < d_v; ++i) ASSERT_NEAR(value[i], v[slot][i], bound) << slot << " " << i;
      }
    }
}

TEST_P(KvStore, CodesOfZerosHugeAndTinyValues) {
  for (KvType type : {KvType::q8_0, KvType::q4_0})
    for (float x : {0.0f, 1e30f, -1e30f, 1e-30f, -3.0f}) {
      const KvLayout layout{type, 1, 32, 64};
      std::vector<uint8_t> block(layout.block_bytes(), 0xff);
      std::vector<float> k(32, x), v(64, x);
      kv_store(layout, block.data(), 0, 5, k.data(), v.data());
      kv_load(layout, block.data(), 0, 5, k.data(), v.data());
      const float most = 65504.0f * (type == KvType::q8_0 ? 127 : 8);
      const float want = std::clamp(x, -most, most);
      for (float got : k) EXPECT_NEAR(got, want, 0.07f * std::abs(want) + 1e-6f);
      for (float got : v) EXPECT_NEAR(got, want, 0.07f * std::abs(want) + 1e-6f);
    }
}

// H is orthonormal and its own inverse; entries of a 2 x 2 block are +-1 / sqrt(2).
TEST_P(KvStore, RotationIsAnOrthonormalInvolution) {
  std::normal_distribution<float> normal;
  for (auto [d, block] : std::vector<std::pair<int, int>>{{64, 64}, {96, 32}, {20, 4}, {7, 1}}) {
    std::vector<float> x(d);
    for (float& v : x) v = normal(rng_);
    std::vector<float> y = x;
    kv_rotate(y.data(), d, block);
    double before = 0, after = 0;
    for (int i = 0; i < d; ++i) before += double(x[i]) * x[i], after += double(y[i]) * y[i];
    EXPECT_NEAR(before, after, 1e-4 * before);
    kv_rotate(y.data(), d, block);
    for (int i = 0; i < d; ++i) EXPECT_NEAR(x[i], y[i], 1e-5);
  }
  float pair[2] = {3, 1};
  kv_rotate(pair, 2, 2);
  EXPECT_NEAR(pair[0], 4 / std::sqrt(2.0), 1e-6);
  EXPECT_NEAR(pair[1], 2 / std::sqrt(2.0), 1e-6);
}

// One outlier channel costs 4-bit codes their resolution; rotated, every channel carries a part.
TEST_P(KvStore, RotationSavesTheOthersFromAnOutlier) {
  std::normal_distribution<float> normal;
  std::vector<float> k(64), v(64);
  for (float& x : k) x = normal(rng_);
  for (float& x : v) x = normal(rng_);
  k[5] = v[5] = 60;
  double error[2];
  for (bool rotated : {false, true}) {
    const KvLayout layout{KvType::q4_0, 1, 64, 64, false, rotated};
    std::vector<uint8_t> block(layout.block_bytes(), 0);
    std::vector<float> key(64), value(64);
    kv_store(layout, block.data(), 0, 0, k.data(), v.data());
    kv_load(layout, block.data(), 0, 0, key.data(), value.data());
    error[rotated] = 0;
    for (int i = 0; i < 64; ++i) error[rotated] += std::pow(value[i] - v[i], 2);
  }
  EXPECT_LT(error[1], error[0] / 2);
}

// Channels that are large and hardly vary lose nothing and take nothing from the others.
TEST_P(KvStore, ACentreAndUnitsSaveTheOthersFromConstantChannels) {
  std::normal_distribution<float> normal;
  for (KvType type : {KvType::q8_0, KvType::q4_0})
    for (bool rotated : {false, true}) {
      KvLayout layout{type, 2, 48, 16, false, rotated};
      std::vector<float> centre(48), unit(48);
      for (int i = 0; i < 48; ++i) {
        centre[i] = i % 7 ? 0 : 150.3f - i;
        unit[i] = i % 3 ? 1 : 8;
      }
      double error[2] = {};
      for (bool centred : {false, true}) {
        std::mt19937 random(5);
        layout.centred = centred;
        std::vector<uint8_t> block(layout.block_bytes(), 0xff);
        for (int slot = 0; slot < 20; ++slot) {
          std::vector<float> k(48), v(16), key(48), value(16);
          for (int i = 0; i < 48; ++i) k[i] = centre[i] + unit[i] * normal(random);
          const KeyFrame frame{centre.data(), unit.data()};
          kv_store(layout, block.data(), 1, slot, k.data(), v.data(), frame);
          kv_load(layout, block.data(), 1, slot, key.data(), value.data(), unit.data());
          for (int i = 0; i < 48; ++i) error[centred] += std::pow((key[i] - k[i]) / unit[i], 2);
        }
      }
      EXPECT_LT(error[1] * 100, error[0]) << kv_name(type) << rotated;
    }
}

STRATA_EVERY_ISA(KvStore);

}  // namespace
}  // namespace strata::kernel
