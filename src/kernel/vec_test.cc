// Every operation of the vector types against plain code, at every level of this machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernel/every_isa_test.h"
#define STRATA_KERNEL "kernel/vec_test.cc"
#define STRATA_LEVELS_ALL
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
namespace strata::kernel::STRATA_ISA {

// Each function applies one operation to whole arrays; `lane` types are 32 bits.
#define STRATA_UNARY(name, expression)                            \
  static void name(const void* a, void* out) {                    \
    const F x = F::load((const float*)a);                         \
    const I i = I::load(a);                                       \
    (void)x, (void)i;                                             \
    (expression).store((decltype(Lane(expression)))out);          \
  }
#define STRATA_BINARY(name, expression)                           \
  static void name(const void* a, const void* b, void* out) {     \
    const F x = F::load((const float*)a), y = F::load((const float*)b); \
    const I i = I::load(a), j = I::load(b);                       \
    (void)x, (void)y, (void)i, (void)j;                           \
    (expression).store((decltype(Lane(expression)))out);          \
  }
static inline float* Lane(F) { return nullptr; }
static inline void* Lane(I) { return nullptr; }

STRATA_UNARY(f_abs, abs(x))
STRATA_UNARY(f_neg, neg(x))
STRATA_UNARY(f_sqrt, sqrt(x))
STRATA_UNARY(f_round, round(x))
STRATA_UNARY(f_floor, floor(x))
STRATA_UNARY(f_exp, exp(x))
STRATA_UNARY(f_tanh, tanh(x))
STRATA_UNARY(f_round_i, round_i(x))
STRATA_UNARY(f_cast, as_f(as_i(x)))
STRATA_UNARY(i_to_f, to_f(i))
STRATA_UNARY(i_shl32, shl32<5>(i))
STRATA_UNARY(i_shr32, shr32<5>(i))
STRATA_UNARY(i_sar32, sar32<5>(i))
STRATA_UNARY(i_shl8, shl8<3>(i))
STRATA_UNARY(i_shr8, shr8<3>(i))

STRATA_BINARY(f_add, x + y)
STRATA_BINARY(f_sub, x - y)
STRATA_BINARY(f_mul, x * y)
STRATA_BINARY(f_div, x / y)
STRATA_BINARY(f_min, min(x, y))
STRATA_BINARY(f_max, max(x, y))
STRATA_BINARY(f_lt, select(lt(x, y), F::set1(1), F::zero()))
STRATA_BINARY(f_le, select(le(x, y), F::set1(1), F::zero()))
STRATA_BINARY(f_gt, select(gt(x, y), F::set1(1), F::zero()))
STRATA_BINARY(f_ge, select(ge(x, y), F::set1(1), F::zero()))
STRATA_BINARY(f_eq, select(eq(x, y), F::set1(1), F::zero()))
STRATA_BINARY(m_and, select(lt(x, y) & lt(x, F::zero()), x, y))
STRATA_BINARY(m_or, select(lt(x, y) | lt(x, F::zero()), x, y))
STRATA_BINARY(f_scale_exp2, scale_exp2(x, j))
STRATA_BINARY(i_and, i & j)
STRATA_BINARY(i_or, i | j)
STRATA_BINARY(i_xor, i ^ j)
STRATA_BINARY(i_andnot, andnot(i, j))
STRATA_BINARY(i_or_and, or_and(i, j, I::set1(0x0ff0f00f)))
STRATA_BINARY(i_add32, add32(i, j))
STRATA_BINARY(i_sub32, sub32(i, j))
STRATA_BINARY(i_mul32, mul32(i, j))
STRATA_BINARY(i_min32, min32(i, j))
STRATA_BINARY(i_max32, max32(i, j))
STRATA_BINARY(i_gt32, select(gt32(i, j), i, I::zero()))
STRATA_BINARY(i_eq32, select(eq32(i, j), i, I::set1(7)))
STRATA_BINARY(i_add8, add8(i, j))
STRATA_BINARY(i_sub8, sub8(i, j))
STRATA_BINARY(i_dot4, dot4(I::set1(-1000), i, j))
STRATA_BINARY(i_dot4_small, dot4_small(I::set1(-1000), i, j))
STRATA_BINARY(i_dot4_bcast, dot4_bcast(I::set1(9), i, (const int8_t*)b))
STRATA_BINARY(i_dot4_small_bcast, dot4_small_bcast(I::set1(9), i, (const int8_t*)b))
STRATA_BINARY(i_lookup16, lookup16(I::broadcast16(b), i))
STRATA_BINARY(f_dot2_bf16, dot2_bf16(F::set1(2), i, j))
STRATA_BINARY(f_dot2_bf16_bcast, dot2_bf16_bcast(F::set1(2), i, b))

static void f_fma(const float* a, const float* b, const float* c, float* out, float* negated) {
  fma(F::load(a), F::load(b), F::load(c)).store(out);
  fnma(F::load(a), F::load(b), F::load(c)).store(negated);
}
static void reduce(const void* a, float* add, float* max, int32_t* add_i) {
  *add = reduce_add(F::load((const float*)a));
  *max = reduce_max(F::load((const float*)a));
  *add_i = reduce_add(I::load(a));
}
static void partial(const float* a, int n, float* load, float* store, float* mask) {
  const F x = F::load(a, n);
  x.store(load);
  x.store(store, n);
  select(M::first(n), F::set1(1), F::zero()).store(mask);
}
static void halves(const uint16_t* h, float* f16, float* bf16, uint16_t* f16_back,
                   uint16_t* bf16_back) {
  F::load_f16(h).store(f16);
  F::load_bf16(h).store(bf16);
  F::load_f16(h).store_f16(f16_back);
  F::load_bf16(h).store_bf16(bf16_back);
}
static void narrow(const float* a, uint16_t* f16, uint16_t* bf16, uint16_t* packed) {
  F::load(a).store_f16(f16);
  F::load(a).store_bf16(bf16);
  pack_bf16(F::load(a), F::load(a + 16)).store(packed);
}
static void bytes(const uint8_t* p, const int32_t* wide, float* u, float* s, int32_t* ui,
                  int32_t* si, int8_t* saturated) {
  load_u8_to_f(p).store(u);
  load_s8_to_f((const int8_t*)p).store(s);
  load_u8_to_i(p).store(ui);
  load_s8_to_i((const int8_t*)p).store(si);
  store_s8(I::load(wide), saturated);
}
static void constants(const void* p, int32_t* out) {
  I::zero().store(out);
  I::set1(-5).store(out + 16);
  I::set1_u8(0xa1).store(out + 32);
  I::iota().store(out + 48);
  I::broadcast4(p).store(out + 64);
  I::broadcast16(p).store(out + 80);
}
static int any_below(const float* a, float limit) { return any(lt(F::load(a), F::set1(limit))); }

}  // namespace strata::kernel::STRATA_ISA
#else

namespace strata::kernel {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

using Floats = std::vector<float>;
using Ints = std::vector<int32_t>;

class Vec : public EveryIsa {
 protected:
  Floats random_floats(float span, size_t n = 16) {
    std::uniform_real_distribution<float> uniform(-span, span);
    Floats r(n);
    for (float& x : r) x = uniform(rng_);
    return r;
  }
  Ints random_ints() {
    Ints r(16);
    for (int32_t& x : r) x = int32_t(rng_());
    return r;
  }

  using Unary = void (*)(const void*, void*);
  using Binary = void (*)(const void*, const void*, void*);

  template <class Out, class A, class Expected>
  void unary(const char* what, Unary run, const std::vector<A>& a, Expected expected) {
    std::vector<Out> out(16);
    run(a.data(), out.data());
    for (size_t i = 0; i < 16; ++i) same(what, out[i], Out(expected(a[i])), double(a[i]));
  }
  template <class Out, class A, class B, class Expected>
  void binary(const char* what, Binary run, const std::vector<A>& a, const std::vector<B>& b,
              Expected expected) {
    std::vector<Out> out(16);
    run(a.data(), b.data(), out.data());
    for (size_t i = 0; i < 16; ++i) same(what, out[i], Out(expected(a[i], b[i])), double(a[i]));
  }
  template <class T>
  void same(const char* what, T got, T expected, double input) {
    if (got != got && expected != expected) return;
    EXPECT_EQ(got, expected) << what << " of " << input;
  }
};
STRATA_EVERY_ISA(Vec);

// A lane-wise function of the four bytes of two lanes.
template <class Op>
auto by_byte(Op op) {
  return [op](int32_t a, int32_t b) {
    uint32_t r = 0;
    for (int k = 0; k < 32; k += 8)
      r |= uint32_t(uint8_t(op(uint8_t(uint32_t(a) >> k), uint8_t(uint32_t(b) >> k)))) << k;
    return int32_t(r);
  };
}

int32_t dot(int32_t a, int32_t b, int32_t start) {
  for (int k = 0; k < 32; k += 8)
    start += int(uint8_t(uint32_t(a) >> k)) * int8_t(uint8_t(uint32_t(b) >> k));
  return start;
}

#define STRATA_CHECK_UNARY(out, op, a, ...) unary<out>(#op, STRATA_PICK(op), a, __VA_ARGS__)
#define STRATA_CHECK_BINARY(out, op, a, b, ...) binary<out>(#op, STRATA_PICK(op), a, b, __VA_ARGS__)

TEST_P(Vec, FloatArithmetic) {
  for (int round = 0; round < 50; ++round) {
    const Floats a = random_floats(100), b = random_floats(100);
    STRATA_CHECK_UNARY(float, f_abs, a, [](float x) { return std::fabs(x); });
    STRATA_CHECK_UNARY(float, f_neg, a, [](float x) { return -x; });
    STRATA_CHECK_UNARY(float, f_sqrt, a, [](float x) { return std::sqrt(x); });
    STRATA_CHECK_UNARY(float, f_round, a, [](float x) { return std::nearbyint(x); });
    STRATA_CHECK_UNARY(float, f_floor, a, [](float x) { return std::floor(x); });
    STRATA_CHECK_UNARY(float, f_cast, a, [](float x) { return x; });
    STRATA_CHECK_UNARY(int32_t, f_round_i, a, [](float x) { return std::nearbyint(x); });
    STRATA_CHECK_BINARY(float, f_add, a, b, [](float x, float y) { return x + y; });
    STRATA_CHECK_BINARY(float, f_sub, a, b, [](float x, float y) { return x - y; });
    STRATA_CHECK_BINARY(float, f_mul, a, b, [](float x, float y) { return x * y; });
    STRATA_CHECK_BINARY(float, f_div, a, b, [](float x, float y) { return x / y; });
    const auto both = [](float x, float y) { return x < y && x < 0 ? x : y; };
    const auto either = [](float x, float y) { return x < y || x < 0 ? x : y; };
    STRATA_CHECK_BINARY(float, m_and, a, b, both);
    STRATA_CHECK_BINARY(float, m_or, a, b, either);
    const Floats c = random_floats(100);
    Floats sum(16), difference(16);
    STRATA_PICK(f_fma)(a.data(), b.data(), c.data(), sum.data(), difference.data());
    for (size_t i = 0; i < 16; ++i) {
      EXPECT_NEAR(sum[i], double(a[i]) * b[i] + c[i], 2e-3);
      EXPECT_NEAR(difference[i], c[i] - double(a[i]) * b[i], 2e-3);
    }
    EXPECT_EQ(STRATA_PICK(any_below)(a.data(), -90), *std::min_element(a.begin(), a.end()) < -90);
  }
}

TEST_P(Vec, FloatSpecials) {
  const Floats a = {0.5f, 1.5f, 2.5f,  -0.5f, -1.5f, -2.5f, 0.49999997f, 8388607.5f,
                    -0.f, 3e9f, -3e9f, kInf,  -kInf, kNan,  1e-45f,      -8388609.f};
  STRATA_CHECK_UNARY(float, f_round, a, [](float x) { return std::nearbyint(x); });
  STRATA_CHECK_UNARY(float, f_floor, a, [](float x) { return std::floor(x); });
  STRATA_CHECK_UNARY(float, f_sqrt, a, [](float x) { return std::sqrt(x); });
  STRATA_CHECK_UNARY(float, f_abs, a, [](float x) { return std::fabs(x); });
  Floats whole(a.begin(), a.end());
  for (float& x : whole) x = std::fabs(x) < 2e9f ? x : 1;
  STRATA_CHECK_UNARY(int32_t, f_round_i, whole, [](float x) { return std::nearbyint(x); });
  Ints unspecified(16);
  STRATA_PICK(f_round_i)(a.data(), unspecified.data());   // must not trap

  for (int turn = 0; turn < 16; ++turn) {
    Floats b(a);
    std::rotate(b.begin(), b.begin() + turn, b.end());
    STRATA_CHECK_BINARY(float, f_min, a, b, [](float x, float y) { return x < y ? x : y; });
    STRATA_CHECK_BINARY(float, f_max, a, b, [](float x, float y) { return x > y ? x : y; });
    STRATA_CHECK_BINARY(float, f_lt, a, b, [](float x, float y) { return x < y; });
    STRATA_CHECK_BINARY(float, f_le, a, b, [](float x, float y) { return x <= y; });
    STRATA_CHECK_BINARY(float, f_gt, a, b, [](float x, float y) { return x > y; });
    STRATA_CHECK_BINARY(float, f_ge, a, b, [](float x, float y) { return x >= y; });
    STRATA_CHECK_BINARY(float, f_eq, a, b, [](float x, float y) { return x == y; });
  }
}

// Floats between x and y, counted along the number line.
int64_t ulps(float x, float y) {
  const auto line = [](float f) {
    const int32_t bits = int32_t(half::as_bits(f));
    return int64_t(bits < 0 ? INT32_MIN - int64_t(bits) : bits);
  };
  return std::llabs(line(x) - line(y));
}

TEST_P(Vec, ExpAndTanhOverTheWholeRange) {
  const auto exp = STRATA_PICK(f_exp);
  const auto tanh = STRATA_PICK(f_tanh);
  const auto sweep = [](auto run, auto reference, float low, float high, int64_t limit) {
    Floats x(16), y(16);
    const int steps = 20000;
    for (int s = 0; s < steps; ++s) {
      for (int i = 0; i < 16; ++i)
        x[size_t(i)] = low + (high - low) * (float(s) + float(i) / 16) / float(steps);
      run(x.data(), y.data());
      for (size_t i = 0; i < 16; ++i)
        ASSERT_LE(ulps(y[i], float(reference(double(x[i])))), limit) << x[i] << " gives " << y[i];
    }
  };
  const auto e = [](double x) { return std::exp(x); };
  const auto t = [](double x) { return std::tanh(x); };
  sweep(exp, e, -104, 89, 2);
  sweep(exp, e, -1, 1, 2);
  sweep(tanh, t, -10, 10, 2);
  sweep(tanh, t, -1, 1, 2);
  sweep(tanh, t, -1e-3f, 1e-3f, 2);

  const Floats x = {0, -0.f, 1, -1, kInf, -kInf, kNan, 88.72283f, 88.7229f, 1000, -1000, -103.9f,
                    -104, -87.4f, 1e-40f, 3e38f};
  Floats y(16);
  exp(x.data(), y.data());
  for (size_t i = 0; i < 16; ++i) {
    const float expected = float(std::exp(double(x[i])));
    if (std::isnan(x[i])) EXPECT_TRUE(std::isnan(y[i]));
    else EXPECT_LE(ulps(y[i], expected), 2) << x[i] << " gives " << y[i] << " not " << expected;
  }
  tanh(x.data(), y.data());
  for (size_t i = 0; i < 16; ++i) {
    const float expected = float(std::tanh(double(x[i])));
    if (std::isnan(x[i])) EXPECT_TRUE(std::isnan(y[i]));
    else EXPECT_LE(ulps(y[i], expected), 2) << x[i] << " gives " << y[i] << " not " << expected;
  }
}

TEST_P(Vec, ScaleExp2) {
  const Floats x = random_floats(2);
  for (int n = -252; n <= 252; n += 4) {
    Ints exponent(16);
    for (int i = 0; i < 16; ++i) exponent[size_t(i)] = std::clamp(n + i % 4, -252, 252);
    Floats y(16);
    STRATA_PICK(f_scale_exp2)(x.data(), exponent.data(), y.data());
    for (size_t i = 0; i < 16; ++i) {
      const float expected = std::ldexp(x[i], exponent[i]);
      const int limit = std::fabs(expected) < 1e-37f ? 1 : 0;
      EXPECT_LE(ulps(y[i], expected), limit) << x[i] << " " << exponent[i];
    }
  }
}

TEST_P(Vec, Integers) {
  for (int round = 0; round < 50; ++round) {
    Ints a = random_ints(), b = random_ints();
    b[3] = a[3];
    a[5] = INT32_MIN, b[5] = INT32_MAX;
    const auto u = [](int32_t x) { return uint32_t(x); };
    STRATA_CHECK_UNARY(float, i_to_f, a, [](int32_t x) { return float(x); });
    STRATA_CHECK_UNARY(int32_t, i_shl32, a, [u](int32_t x) { return u(x) << 5; });
    STRATA_CHECK_UNARY(int32_t, i_shr32, a, [u](int32_t x) { return u(x) >> 5; });
    STRATA_CHECK_UNARY(int32_t, i_sar32, a, [](int32_t x) { return x >> 5; });
    const auto shl8 = by_byte([](uint8_t x, uint8_t) { return x << 3; });
    const auto shr8 = by_byte([](uint8_t x, uint8_t) { return x >> 3; });
    STRATA_CHECK_UNARY(int32_t, i_shl8, a, [&](int32_t x) { return shl8(x, 0); });
    STRATA_CHECK_UNARY(int32_t, i_shr8, a, [&](int32_t x) { return shr8(x, 0); });
    STRATA_CHECK_BINARY(int32_t, i_and, a, b, [](int32_t x, int32_t y) { return x & y; });
    STRATA_CHECK_BINARY(int32_t, i_or, a, b, [](int32_t x, int32_t y) { return x | y; });
    STRATA_CHECK_BINARY(int32_t, i_xor, a, b, [](int32_t x, int32_t y) { return x ^ y; });
    STRATA_CHECK_BINARY(int32_t, i_andnot, a, b, [](int32_t x, int32_t y) { return ~x & y; });
    STRATA_CHECK_BINARY(int32_t, i_or_and, a, b,
                        [](int32_t x, int32_t y) { return x | (y & 0x0ff0f00f); });
    STRATA_CHECK_BINARY(int32_t, i_add32, a, b, [u](int32_t x, int32_t y) { return u(x) + u(y); });
    STRATA_CHECK_BINARY(int32_t, i_sub32, a, b, [u](int32_t x, int32_t y) { return u(x) - u(y); });
    STRATA_CHECK_BINARY(int32_t, i_mul32, a, b, [u](int32_t x, int32_t y) { return u(x) * u(y); });
    const auto smaller = [](int32_t x, int32_t y) { return std::min(x, y); };
    const auto larger = [](int32_t x, int32_t y) { return std::max(x, y); };
    STRATA_CHECK_BINARY(int32_t, i_min32, a, b, smaller);
    STRATA_CHECK_BINARY(int32_t, i_max32, a, b, larger);
    STRATA_CHECK_BINARY(int32_t, i_gt32, a, b, [](int32_t x, int32_t y) { return x > y ? x : 0; });
    STRATA_CHECK_BINARY(int32_t, i_eq32, a, b, [](int32_t x, int32_t y) { return x == y ? x : 7; });
    STRATA_CHECK_BINARY(int32_t, i_add8, a, b, by_byte([](uint8_t x, uint8_t y) { return x + y; }));
    STRATA_CHECK_BINARY(int32_t, i_sub8, a, b, by_byte([](uint8_t x, uint8_t y) { return x - y; }));
    Ints index(a);
    for (int32_t& x : index) x &= 0x0f0f0f0f;
    const uint8_t* table = reinterpret_cast<const uint8_t*>(b.data());
    STRATA_CHECK_BINARY(int32_t, i_lookup16, index, b, [&](int32_t x, int32_t) {
      return by_byte([&](uint8_t i, uint8_t) { return table[i]; })(x, 0);
    });
  }
}

// Exact for every byte, the extremes where 16-bit sums would saturate included.
TEST_P(Vec, Dot4) {
  for (int round = 0; round < 200; ++round) {
    Ints a = random_ints(), b = random_ints();
    if (round < 16)
      for (size_t i = 0; i < 16; ++i) {
        a[i] = round & 1 ? -1 : int32_t(0x80808080);
        b[i] = round & 2 ? int32_t(0x80808080) : 0x7f7f7f7f;
        if (round & 4) b[i] ^= int32_t(0x00ff0000);
        if (round & 8) a[i] = int32_t(0xff7f80ff);
      }
    Ints small(a);
    for (int32_t& x : small) x &= 0x7f7f7f7f;
    const auto lanes = [](int32_t x, int32_t y) { return dot(x, y, -1000); };
    const auto broadcast = [&](int32_t x, int32_t) { return dot(x, b[0], 9); };
    STRATA_CHECK_BINARY(int32_t, i_dot4, a, b, lanes);
    STRATA_CHECK_BINARY(int32_t, i_dot4_small, small, b, lanes);
    STRATA_CHECK_BINARY(int32_t, i_dot4_bcast, a, b, broadcast);
    STRATA_CHECK_BINARY(int32_t, i_dot4_small_bcast, small, b, broadcast);
  }
}

TEST_P(Vec, Bf16Dot) {
  for (int round = 0; round < 50; ++round) {
    const Floats x = random_floats(4, 32), y = random_floats(4, 32);
    std::vector<uint16_t> a(32), b(32), unused(16);
    STRATA_PICK(narrow)(x.data(), unused.data(), unused.data(), a.data());
    STRATA_PICK(narrow)(y.data(), unused.data(), unused.data(), b.data());
    Floats each(16), broadcast(16);
    STRATA_PICK(f_dot2_bf16)(a.data(), b.data(), each.data());
    STRATA_PICK(f_dot2_bf16_bcast)(a.data(), b.data(), broadcast.data());
    for (size_t i = 0; i < 16; ++i) {
      const auto value = [](uint16_t h) { return double(half::from_bf16(h)); };
      const double low = value(a[2 * i]), high = value(a[2 * i + 1]);
      EXPECT_NEAR(each[i], 2 + low * value(b[2 * i]) + high * value(b[2 * i + 1]), 1e-5);
      EXPECT_NEAR(broadcast[i], 2 + low * value(b[0]) + high * value(b[1]), 1e-5);
    }
  }
}

TEST_P(Vec, Reductions) {
  for (int round = 0; round < 50; ++round) {
    const Floats a = random_floats(100);
    float add, max, expected[16];
    int32_t add_i;
    STRATA_PICK(reduce)(a.data(), &add, &max, &add_i);
    std::copy(a.begin(), a.end(), expected);
    for (int n = 8; n; n /= 2)
      for (int i = 0; i < n; ++i) expected[i] += expected[i + n];
    EXPECT_EQ(add, expected[0]) << "the order of additions is part of the contract";
    EXPECT_EQ(max, *std::max_element(a.begin(), a.end()));
    const Ints b = random_ints();
    uint32_t sum = 0;
    for (int32_t x : b) sum += uint32_t(x);
    STRATA_PICK(reduce)(b.data(), &add, &max, &add_i);
    EXPECT_EQ(add_i, int32_t(sum));
  }
}

TEST_P(Vec, PartialLoadsAndStores) {
  for (int n = 0; n <= 16; ++n) {
    // Exactly n floats on the heap, so that a checker sees an access beyond them.
    const Floats a = random_floats(5, size_t(n));
    Floats load(16, 9), store(size_t(n), 9), mask(16, 9);
    STRATA_PICK(partial)(a.data(), n, load.data(), store.data(), mask.data());
    for (int i = 0; i < 16; ++i) {
      EXPECT_EQ(load[size_t(i)], i < n ? a[size_t(i)] : 0);
      EXPECT_EQ(mask[size_t(i)], i < n);
    }
    EXPECT_EQ(store, a);
  }
}

TEST_P(Vec, HalfPrecision) {
  std::vector<uint16_t> h(16), f16_back(16), bf16_back(16);
  Floats f16(16), bf16(16);
  for (uint32_t base = 0; base < 0x10000; base += 16) {
    for (uint32_t i = 0; i < 16; ++i) h[i] = uint16_t(base + i);
    STRATA_PICK(halves)(h.data(), f16.data(), bf16.data(), f16_back.data(), bf16_back.data());
    for (size_t i = 0; i < 16; ++i) {
      same("f16", f16[i], half::from_f16(h[i]), h[i]);
      same("bf16", bf16[i], half::from_bf16(h[i]), h[i]);
      if (f16[i] == f16[i]) {
        ASSERT_EQ(f16_back[i], h[i]);
      }
      if (bf16[i] == bf16[i]) {
        ASSERT_EQ(bf16_back[i], h[i]);
      }
    }
  }
  std::vector<uint16_t> packed(32);
  for (int round = 0; round < 2000; ++round) {
    Floats a(32);
    for (float& x : a) x = half::as_float(uint32_t(rng_()));
    if (round < 100)
      for (float& x : a) x = half::as_float((half::as_bits(x) & 0xffff0000) | 0x8000);   // ties
    STRATA_PICK(narrow)(a.data(), f16_back.data(), bf16_back.data(), packed.data());
    for (size_t i = 0; i < 16; ++i) {
      same("to f16", half::from_f16(f16_back[i]), half::from_f16(half::to_f16(a[i])), a[i]);
      same("to bf16", half::from_bf16(bf16_back[i]), half::from_bf16(half::to_bf16(a[i])), a[i]);
    }
    for (size_t i = 0; i < 32; ++i)
      if (std::fpclassify(a[i]) != FP_SUBNORMAL)
        same("pack", half::from_bf16(packed[i]), half::from_bf16(half::to_bf16(a[i])), a[i]);
  }
}

TEST_P(Vec, Bytes) {
  std::vector<uint8_t> p(16);
  Ints wide = random_ints(), ui(16), si(16);
  for (size_t i = 0; i < 8; ++i) wide[i] = int32_t(i) * 50 - 200;
  wide[8] = 127, wide[9] = 128, wide[10] = -128, wide[11] = -129;
  Floats u(16), s(16);
  std::vector<int8_t> saturated(16);
  for (int base = 0; base < 256; base += 16) {
    for (int i = 0; i < 16; ++i) p[size_t(i)] = uint8_t(base + i);
    STRATA_PICK(bytes)(p.data(), wide.data(), u.data(), s.data(), ui.data(), si.data(),
                       saturated.data());
    for (size_t i = 0; i < 16; ++i) {
      EXPECT_EQ(u[i], p[i]);
      EXPECT_EQ(ui[i], p[i]);
      EXPECT_EQ(s[i], int8_t(p[i]));
      EXPECT_EQ(si[i], int8_t(p[i]));
      EXPECT_EQ(saturated[i], std::clamp(wide[i], -128, 127));
    }
  }
}

TEST_P(Vec, Constants) {
  const Ints p = random_ints();
  Ints out(96);
  STRATA_PICK(constants)(p.data(), out.data());
  for (int i = 0; i < 16; ++i) {
    const int32_t* lane = out.data() + i;
    EXPECT_EQ(lane[0], 0);
    EXPECT_EQ(lane[16], -5);
    EXPECT_EQ(lane[32], int32_t(0xa1a1a1a1));
    EXPECT_EQ(lane[48], i);
    EXPECT_EQ(lane[64], p[0]);
    EXPECT_EQ(lane[80], p[size_t(i % 4)]);
  }
}

}  // namespace
}  // namespace strata::kernel
#endif
