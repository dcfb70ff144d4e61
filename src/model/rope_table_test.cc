#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "model/format/hf_config.h"
#include "model/hyper.h"
#include "model/hyper_read.h"
#include "model/testing/files.h"

namespace strata::model {
namespace {

using nlohmann::json;

struct Row {
  std::vector<float> cos, sin;
};
Row row(const Rope& rope, int position) {
  const RopeTable table(rope);
  Row out{std::vector<float>(table.half()), std::vector<float>(table.half())};
  table.row(position, out.cos.data(), out.sin.data());
  return out;
}

// Frequencies and attention factors as the published code computes them (tools/golden/rope.py).
TEST(RopeTable, ScalesAsTheReferenceDoes) {
  const json cases = json::parse(testing::read_text(testing::golden("rope.json")));
  ASSERT_GE(cases.size(), 8u);
  for (const json& c : cases) {
    const Hyper h = read_hyper_hf(HfConfig(c["config"].dump(), "config.json"));
    const auto frequencies = c["inv_freq"].get<std::vector<double>>();
    const double factor = c["attention_factor"];
    for (int position : {0, 1, 100, 5000}) {
      const Row got = row(h.rope, position);
      ASSERT_EQ(got.cos.size(), frequencies.size());
      for (size_t i = 0; i < frequencies.size(); ++i) {
        const double angle = position * frequencies[i];
        EXPECT_NEAR(got.cos[i], std::cos(angle) * factor, 1e-6) << c["config"] << " pair " << i;
        EXPECT_NEAR(got.sin[i], std::sin(angle) * factor, 1e-6) << c["config"] << " pair " << i;
      }
    }
  }
}

TEST(RopeTable, FrequencyDivisorsDivide) {
  const Rope plain{.d = 4, .theta = 100};
  Rope divided = plain;
  divided.freq_divisors = {2, 8};
  const Row got = row(divided, 16);
  EXPECT_FLOAT_EQ(got.cos[0], std::cos(8.0));
  EXPECT_FLOAT_EQ(got.sin[1], std::sin(16 * 0.1 / 8));
}

// The base grows with the length, as the publishers' code has it for a sequence decoded so far.
TEST(RopeTable, DynamicLeavesTheTrainedContextAlone) {
  const Rope plain{.d = 64, .original_context = 100};
  Rope dynamic = plain;
  dynamic.scaling = RopeScaling::dynamic;
  dynamic.factor = 2;
  EXPECT_EQ(row(dynamic, 99).cos, row(plain, 99).cos);
  Rope stretched = plain;
  stretched.theta = 10000 * std::pow(2 * 300.0 / 100 - 1, 64 / 62.0);
  EXPECT_EQ(row(dynamic, 299).sin, row(stretched, 299).sin);
}

TEST(RopeTable, LongropeTakesTheFactorsOfTheContext) {
  Rope rope{.d = 4, .theta = 100, .scaling = RopeScaling::longrope, .factor = 4,
            .original_context = 16};
  rope.short_factors = {1, 2};
  rope.long_factors = {4, 8};
  const double magnitude = std::sqrt(1 + std::log(4) / std::log(16));
  const auto sine = [&](int context) {
    const RopeTable table(rope, context);
    float cos[2], sin[2];
    table.row(3, cos, sin);
    return sin[1];
  };
  EXPECT_FLOAT_EQ(sine(16), static_cast<float>(magnitude * std::sin(3 * 0.1 / 2)));
  EXPECT_FLOAT_EQ(sine(17), static_cast<float>(magnitude * std::sin(3 * 0.1 / 8)));
}

// GGUF has llama3's scaling baked into rope_freqs.weight; both ways must give the same angles.
TEST(RopeTable, Llama3EqualsItsDivisors) {
  Rope scaled{.d = 64, .theta = 500000, .scaling = RopeScaling::llama3, .factor = 32,
              .original_context = 8192};
  Rope plain{.d = 64, .theta = 500000}, baked = plain;
  const Row a = row(scaled, 1), b = row(plain, 1);
  for (int i = 0; i < 32; ++i)
    baked.freq_divisors.push_back(
        static_cast<float>(std::asin(double{b.sin[i]}) / std::asin(double{a.sin[i]})));
  EXPECT_NEAR(baked.freq_divisors.front(), 1, 1e-3);
  EXPECT_NEAR(baked.freq_divisors.back(), 32, 1e-3);
  for (int position : {7, 900}) {
    const Row x = row(scaled, position), y = row(baked, position);
    for (int i = 1; i < 32; ++i) EXPECT_NEAR(x.sin[i], y.sin[i], 1e-3);
  }
}

}  // namespace
}  // namespace strata::model
