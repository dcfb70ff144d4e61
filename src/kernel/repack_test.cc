#include "kernel/repack.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernel/quant/f8.h"

namespace strata::kernel {
namespace {

std::vector<float> floats(Type type, const std::vector<uint8_t>& stored, int64_t n) {
  std::vector<float> out(n);
  to_f32(type, stored.data(), n, out.data());
  return out;
}

// The published definition of the two formats, by their fields.
double f8(uint8_t q, int mantissa, int bias) {
  const int field = (q & 0x7f) >> mantissa, fraction = q & ((1 << mantissa) - 1);
  const double m = field ? (1 << mantissa) + fraction : fraction;
  return std::ldexp(q & 0x80 ? -m : m, (field ? field : 1) - bias - mantissa);
}

TEST(F8, EveryCodeIsWhatItsFieldsSay) {
  for (int q = 0; q < 256; ++q) {
    if ((q & 0x7f) != 0x7f) {
      EXPECT_EQ(quant::from_e4m3(uint8_t(q)), f8(uint8_t(q), 3, 7)) << q;
    }
    if ((q & 0x7f) < 0x7c) {
      EXPECT_EQ(quant::from_e5m2(uint8_t(q)), f8(uint8_t(q), 2, 15)) << q;
    }
  }
  EXPECT_EQ(quant::from_e4m3(0x7e), 448);
  EXPECT_EQ(quant::from_e5m2(0x7b), 57344);
}

TEST(F8, RoundsToTheNearestAndTiesToEven) {
  for (int q = 0; q < 0x7e; ++q) {
    const float low = quant::from_e4m3(uint8_t(q)), high = quant::from_e4m3(uint8_t(q + 1));
    const float middle = (low + high) / 2;
    EXPECT_EQ(quant::to_e4m3(low), q);
    EXPECT_EQ(quant::to_e4m3(middle), q + (q & 1));
    EXPECT_EQ(quant::to_e4m3(std::nextafter(middle, 0.0f)), q);
    EXPECT_EQ(quant::to_e4m3(-std::nextafter(middle, 1e9f)), 0x80 | (q + 1));
    if (q < 0x7b) {
      EXPECT_EQ(quant::to_e5m2(quant::from_e5m2(uint8_t(q))), q);
    }
  }
  EXPECT_EQ(quant::to_e4m3(1e9f), 0x7e);
  EXPECT_EQ(quant::to_e5m2(-1e9f), 0xfb);
}

class Repack : public testing::Test {
 protected:
  std::mt19937 rng_{5};
  std::vector<float> scales(size_t n) {
    std::uniform_real_distribution<float> size(0.001f, 0.1f);
    std::vector<float> s(n);
    for (float& v : s) v = size(rng_);
    return s;
  }
};

TEST_F(Repack, BytesWithAScaleATensorARowOrASquare) {
  const int64_t rows = 200, cols = 320;
  std::vector<uint8_t> weights(rows * cols);
  for (uint8_t& w : weights) w = uint8_t(rng_() % 0x7c | (rng_() & 0x80));
  const std::vector<float> s = scales(rows * 3);
  for (const ScaleGrid& grid : {ScaleGrid{s.data(), rows, cols, 1}, ScaleGrid{s.data(), 1, cols, 1},
                                ScaleGrid{s.data(), 128, 128, 3}})
    for (Type type : {Type::i8, Type::f8_e4m3, Type::f8_e5m2}) {
      ASSERT_TRUE(can_repack(type, cols, grid.cols_each));
      const int64_t begin = 100, end = 180;
      std::vector<uint8_t> stored(row_bytes(type, cols) * (end - begin));
      repack_bytes(type, weights.data(), cols, grid, begin, end, stored.data());
      const std::vector<float> got = floats(type, stored, (end - begin) * cols);
      for (int64_t r = begin; r < end; ++r)
        for (int64_t c = 0; c < cols; ++c) {
          const uint8_t w = weights[r * cols + c];
          const double value = type == Type::i8          ? int8_t(w)
                               : type == Type::f8_e4m3 ? f8(w, 3, 7)
                                                       : f8(w, 2, 15);
          ASSERT_EQ(got[(r - begin) * cols + c], grid.at(r, c) * float(value)) << r << " " << c;
        }
    }
  EXPECT_FALSE(can_repack(Type::i8, 100, 100));
  EXPECT_FALSE(can_repack(Type::f8_e4m3, 320, 32));
}

// Codes and zeros put where each checkpoint keeps them, by their own descriptions.
struct Int4Checkpoint {
  std::vector<uint32_t> codes, zeros;
  std::vector<float> scales;
  Int4Matrix m;

  Int4Checkpoint(Int4Order order, int64_t rows, int64_t cols, int64_t group,
                 const std::vector<int>& q, const std::vector<int>& z,
                 const std::vector<float>& s) {
    const int64_t groups = (cols + group - 1) / group;
    codes.resize(rows * cols / 8);
    zeros.resize(rows / 8 * groups);
    scales.resize(rows * groups);
    const int awq[8] = {0, 2, 4, 6, 1, 3, 5, 7};   // output of nibble n
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) {
        const uint32_t v = uint32_t(q[r * cols + c]);
        if (order == Int4Order::gptq) codes[c / 8 * rows + r] |= v << 4 * (c % 8);
        else if (order == Int4Order::compressed) codes[r * cols / 8 + c / 8] |= v << 4 * (c % 8);
        else
          for (int n = 0; n < 8; ++n)
            if (awq[n] == r % 8) codes[c * rows / 8 + r / 8] |= v << 4 * n;
      }
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t g = 0; g < groups; ++g) {
        const uint32_t v = uint32_t(z[r * groups + g]);
        if (order == Int4Order::compressed) zeros[r / 8 * groups + g] |= v << 4 * (r % 8);
        else
          for (int n = 0; n < 8; ++n)
            if ((order == Int4Order::gptq ? n : awq[n]) == r % 8)
              zeros[g * rows / 8 + r / 8] |= v << 4 * n;
        scales[order == Int4Order::compressed ? r * groups + g : g * rows + r] = s[r * groups + g];
      }
    m = {.order = order, .rows = rows, .cols = cols, .group = group, .codes = codes.data(),
         .zeros = zeros.data(), .scales = scales.data()};
  }
};

TEST_F(Repack, FourBitsOfEveryOrder) {
  const int64_t rows = 24, cols = 384;
  for (int64_t group : {32, 64, 96, 128, 384}) {
    const int64_t groups = cols / group;
    std::vector<int> q(rows * cols), z(rows * groups);
    for (int& v : q) v = int(rng_() % 16);
    for (int& v : z) v = int(rng_() % 15);
    const std::vector<float> s = scales(rows * groups);
    for (Int4Order order : {Int4Order::gptq, Int4Order::awq, Int4Order::compressed})
      for (int zero_add : {0, 1})
        for (bool symmetric : {false, true}) {
          Int4Checkpoint file(order, rows, cols, group, q, z, s);
          file.m.zero_add = zero_add;
          if (symmetric) file.m.zeros = nullptr;
          const std::optional<Type> type = int4_type(file.m);
          ASSERT_TRUE(type);
          EXPECT_EQ(*type, group % 128 == 0  ? Type::i4_128
                           : group % 64 == 0 ? Type::i4_64
                                             : Type::i4_32);
          std::vector<uint8_t> stored(row_bytes(*type, cols) * 16);
          repack_int4(*type, file.m, 8, rows, stored.data());
          const std::vector<float> got = floats(*type, stored, 16 * cols);
          for (int64_t r = 8; r < rows; ++r)
            for (int64_t c = 0; c < cols; ++c) {
              const int64_t g = r * groups + c / group;
              const int zero = symmetric ? 8 : z[g] + zero_add;
              ASSERT_EQ(got[(r - 8) * cols + c], s[g] * float(q[r * cols + c] - zero))
                  << int(order) << " group " << group << " at " << r << "," << c;
            }
        }
  }
  EXPECT_FALSE(int4_type({.rows = 8, .cols = 64, .group = 16}));
}

TEST(RepackOrder, ColumnsByActivationAreFound) {
  std::vector<int32_t> g_idx(256);
  for (int i = 0; i < 256; ++i) g_idx[i] = i / 128;
  EXPECT_TRUE(columns_in_order(g_idx, 128));
  std::swap(g_idx[3], g_idx[200]);
  EXPECT_FALSE(columns_in_order(g_idx, 128));
}

}  // namespace
}  // namespace strata::kernel
