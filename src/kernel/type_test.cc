#include "kernel/type.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "kernel/quant/format.h"

namespace strata::kernel {
namespace {

std::filesystem::path source() {
  const char* root = std::getenv("STRATA_SOURCE");
  return root ? root : ".";
}

std::vector<char> golden(const std::string& name) {
  const auto path = source() / "tests/golden/quant" / name;
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<float> floats(const char* p, size_t n) {
  std::vector<float> r(n);
  std::memcpy(r.data(), p, n * 4);
  return r;
}

std::vector<Type> all_types() {
  std::vector<Type> r;
  for (int t = 0; t < kTypeCount; ++t) r.push_back(Type(t));
  return r;
}

std::vector<float> round_trip(Type type, const std::vector<float>& x) {
  std::vector<uint8_t> stored(row_bytes(type, int64_t(x.size())) + 1);
  // One byte off: stored rows have no alignment.
  EXPECT_TRUE(from_f32(type, x.data(), int64_t(x.size()), stored.data() + 1));
  std::vector<float> back(x.size());
  to_f32(type, stored.data() + 1, int64_t(x.size()), back.data());
  return back;
}

double rms(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return std::sqrt(sum / double(a.size()));
}

TEST(Type, OneRegistrationAFile) {
  int files = 0;
  for (const auto& e : std::filesystem::directory_iterator(source() / "src/kernel/quant"))
    files += e.path().extension() == ".cc";
  EXPECT_EQ(quant::FormatFile::count(), files);
  EXPECT_EQ(quant::FormatFile::count(), kTypeCount);
}

TEST(Type, FoundByNameAndNumber) {
  for (Type t : all_types()) {
    EXPECT_EQ(info(t).type, t);
    EXPECT_EQ(type_from_ggml(info(t).ggml_id), t);
    EXPECT_EQ(type_from_name(info(t).name), t);
  }
  EXPECT_EQ(type_from_name("q4_k"), Type::q4_k);
  EXPECT_FALSE(type_from_name("Q4_K_M"));
  EXPECT_FALSE(type_from_ggml(4));
  EXPECT_EQ(row_bytes(Type::q6_k, 512), 420u);
}

class ByFormat : public testing::TestWithParam<Type> {};
INSTANTIATE_TEST_SUITE_P(Type, ByFormat, testing::ValuesIn(all_types()),
                         [](const auto& i) { return std::string(kernel::info(i.param).name); });

TEST_P(ByFormat, ReadsWhatGgufPyReads) {
  const TypeInfo& t = info(GetParam());
  // f32 has no conversion to compare; types of ours alone have tests beside repack.h.
  if (t.type == Type::f32 || t.ggml_id >= 1000) return;
  const std::vector<char> file = golden(std::string(t.name) + ".bin");
  const size_t blocks = file.size() / size_t(t.bytes + 4 * t.block), n = blocks * size_t(t.block);
  ASSERT_GE(n, 512u);
  const std::vector<float> expected = floats(file.data() + blocks * size_t(t.bytes), n);
  std::vector<float> got(n);
  to_f32(t.type, file.data(), int64_t(n), got.data());
  float top = 0;
  for (float x : expected) top = std::max(top, std::fabs(x));
  // gguf-py multiplies scales in its own order, so the affine formats differ by roundings.
  const float tolerance = t.quantised ? top * 0x1p-22f : 0;
  for (size_t i = 0; i < n; ++i) ASSERT_NEAR(got[i], expected[i], tolerance) << i;
}

TEST_P(ByFormat, QuantiserIsAsGoodAsGgml) {
  const TypeInfo& t = info(GetParam());
  const std::vector<char> file = golden("values.bin"), table = golden("error.txt");
  const std::vector<float> x = floats(file.data(), file.size() / 4);
  if (!has_quantiser(t.type)) {
    std::vector<uint8_t> stored(row_bytes(t.type, int64_t(x.size())));
    EXPECT_FALSE(from_f32(t.type, x.data(), int64_t(x.size()), stored.data()));
    return;
  }
  // ggml quantises nothing but its own activations to Q8_K.
  if (t.ggml_id >= 1000 || t.type == Type::q8_k) return;
  const double error = rms(x, round_trip(t.type, x));
  if (!t.quantised) {
    EXPECT_LE(error, t.type == Type::f32 ? 0 : t.type == Type::f16 ? 1e-5 : 1e-4);
    return;
  }
  const std::string text(table.begin(), table.end());
  const size_t at = text.find(std::string(t.name) + " ");
  ASSERT_NE(at, std::string::npos);
  const double ggml = std::stod(text.substr(at + t.name.size() + 1));
  EXPECT_LE(error, ggml * 1.001);
  // ggml's ternary scale is the extreme value, made for weights that are ternary already.
  const bool ternary = t.type == Type::tq1_0 || t.type == Type::tq2_0;
  EXPECT_GE(error, ggml * (ternary ? 0.1 : 0.7)) << "too good: the golden error is of other values";
}

// Quantising what the format can hold loses no more than a rounding of the scales.
TEST_P(ByFormat, RoundTripOfItsOwnValues) {
  const TypeInfo& t = info(GetParam());
  std::mt19937 rng(7);
  std::normal_distribution<float> normal;
  std::vector<float> x(512);
  for (float& v : x) v = normal(rng);
  std::vector<uint8_t> stored(row_bytes(t.type, 512));
  if (!from_f32(t.type, x.data(), 512, stored.data())) return;
  const std::vector<float> once = round_trip(t.type, x), twice = round_trip(t.type, once);
  EXPECT_LE(rms(once, twice), 0.25 * rms(x, once) + 1e-7);
}

TEST_P(ByFormat, HostileValues) {
  const TypeInfo& t = info(GetParam());
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  std::vector<float> x(512, 0.0f);
  std::vector<uint8_t> stored(row_bytes(t.type, 512));
  if (!t.quantised || !from_f32(t.type, x.data(), 512, stored.data())) return;
  EXPECT_EQ(round_trip(t.type, x), x) << "zeros";
  for (float bad : {inf, -inf, nan, 1e38f, -1e38f, 1e-42f, 1e-38f}) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = i % 7 == 3 ? bad : 0.5f;
    for (float v : round_trip(t.type, x)) ASSERT_TRUE(std::isfinite(v)) << bad;
  }
  // The block of a NaN stays usable. Q1_0 has no zero.
  if (t.type == Type::q1_0) return;
  for (size_t i = 0; i < x.size(); ++i) x[i] = i == 5 ? nan : 0.5f;
  const std::vector<float> back = round_trip(t.type, x);
  for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(back[i], i == 5 ? 0 : 0.5f, 0.05f) << i;
}

TEST_P(ByFormat, ErrorIsWithinAStep) {
  const TypeInfo& t = info(GetParam());
  // Half a step of the naive scale, widened by what the search and the six-bit scales may cost.
  const std::map<Type, float> steps = {
      {Type::q8_0, 254.f}, {Type::q4_0, 16.f}, {Type::q4_1, 15.f},
      {Type::q5_0, 32.f},  {Type::q5_1, 31.f}, {Type::q4_k, 15.f},
      {Type::q5_k, 31.f},  {Type::q6_k, 64.f}, {Type::iq4_nl, 12.f},
      {Type::q8_k, 254.f}, {Type::i8, 254.f},  {Type::i4_32, 15.f},
      {Type::i4_64, 15.f}, {Type::i4_128, 15.f}, {Type::mxfp4, 5.f}, {Type::nvfp4, 6.f},
      {Type::iq4_xs, 12.f}, {Type::f8_e4m3, 28.f}, {Type::f8_e5m2, 14.f}};
  if (!steps.contains(t.type)) return;
  std::mt19937 rng(11);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> x(4096);
  for (float& v : x) v = uniform(rng);
  const std::vector<float> back = round_trip(t.type, x);
  const float step = 2 / steps.at(t.type);
  for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(back[i], x[i], 1.25f * step) << i;
}

TEST(Half, EveryF16SurvivesARoundTrip) {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const float f = f16_to_f32(uint16_t(h));
    if ((h & 0x7fff) > 0x7c00) {
      EXPECT_TRUE(std::isnan(f));
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(f))));
    } else {
      ASSERT_EQ(f32_to_f16(f), h);
      const int e = int(h >> 10 & 31);
      const double m = e ? 1024 + (h & 1023) : h & 1023;
      const float expected = float(e < 31 ? std::ldexp(m, (e ? e : 1) - 25) : INFINITY);
      ASSERT_EQ(std::fabs(f), expected) << h;
    }
  }
  EXPECT_EQ(f32_to_f16(65519.0f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(-1e30f), 0xfc00);
}

// Halfway between neighbours goes to the even one, anything off it to the nearer one.
TEST(Half, RoundsToNearestEven) {
  for (uint32_t h = 0; h + 1 < 0x7c00; ++h) {
    const float low = f16_to_f32(uint16_t(h)), high = f16_to_f32(uint16_t(h + 1));
    const float middle = low + (high - low) / 2;
    ASSERT_EQ(f32_to_f16(middle), h + (h & 1));
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), h);
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 1e9f)), h + 1);
  }
  for (uint32_t h = 0; h + 1 < 0x7f80; ++h) {
    const float low = bf16_to_f32(uint16_t(h)), high = bf16_to_f32(uint16_t(h + 1));
    if (!std::isfinite(high)) continue;
    const float middle = low + (high - low) / 2;
    ASSERT_EQ(f32_to_bf16(middle), h + (h & 1));
    ASSERT_EQ(f32_to_bf16(low), h);
  }
  EXPECT_TRUE(std::isnan(bf16_to_f32(f32_to_bf16(__builtin_bit_cast(float, 0x7f800001)))));
}

}  // namespace
}  // namespace strata::kernel
