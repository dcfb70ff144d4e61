#include "model/format/hf_mxfp4.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/error.h"

namespace strata::model {
namespace {

FoundTensor bytes(std::string name, std::vector<int64_t> shape, const std::vector<uint8_t>& data) {
  FoundTensor f;
  f.tensor.name = std::move(name);
  f.tensor.shape = std::move(shape);
  f.tensor.data = data.data();
  f.tensor.bytes = data.size();
  f.unsupported_type = "U8";
  return f;
}

constexpr int64_t kExperts = 2, kRows = 6, kCols = 64;

struct Published {
  std::vector<uint8_t> codes = std::vector<uint8_t>(kExperts * kRows * kCols / 2);
  std::vector<uint8_t> scales = std::vector<uint8_t>(kExperts * kRows * kCols / 32);
  Published() {
    std::mt19937 random(5);
    for (uint8_t& c : codes) c = static_cast<uint8_t>(random());
    for (uint8_t& s : scales) s = static_cast<uint8_t>(120 + random() % 10);
  }
  // The publishers' own expansion: value of the code times 2^(scale - 127).
  float at(int64_t row, int64_t col) const {
    static constexpr float kValues[8] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    const int64_t i = row * kCols + col;
    const int code = codes[i / 2] >> (i % 2 * 4) & 15;
    const float value = kValues[code & 7] * (code & 8 ? -1 : 1);
    return std::ldexp(value, scales[i / 32] - 127);
  }
  std::vector<FoundTensor> tensors(const std::string& name) const {
    return {bytes(name + "_blocks", {kExperts, kRows, kCols / 32, 16}, codes),
            bytes(name + "_scales", {kExperts, kRows, kCols / 32}, scales)};
  }
};

TEST(HfMxfp4, PairsBecomeTensors) {
  const Published p;
  std::vector<FoundTensor> tensors = p.tensors("mlp.experts.down_proj");
  join_mxfp4(tensors);
  ASSERT_EQ(tensors.size(), 1u);
  const graph::StoredTensor& t = tensors[0].tensor;
  EXPECT_EQ(t.name, "mlp.experts.down_proj");
  EXPECT_EQ(t.shape, (std::vector<int64_t>{kExperts, kRows, kCols}));
  std::vector<float> values(t.elements());
  graph::to_f32(t, values.data());
  for (int64_t i = 0; i < t.elements(); ++i) EXPECT_EQ(values[i], p.at(i / kCols, i % kCols)) << i;
}

TEST(HfMxfp4, GateAndUpAlternate) {
  const Published p;
  std::vector<FoundTensor> tensors = p.tensors("mlp.experts.gate_up_proj");
  join_mxfp4(tensors);
  ASSERT_EQ(tensors.size(), 2u);
  for (int up : {0, 1}) {
    const graph::StoredTensor& t = tensors[up].tensor;
    EXPECT_EQ(t.name, up ? "mlp.experts.up_proj" : "mlp.experts.gate_proj");
    EXPECT_EQ(t.shape, (std::vector<int64_t>{kExperts, kRows / 2, kCols}));
    std::vector<float> values(t.elements());
    graph::to_f32(t, values.data());
    for (int64_t i = 0; i < t.elements(); ++i)
      EXPECT_EQ(values[i], p.at(i / kCols * 2 + up, i % kCols)) << i;
  }
}

TEST(HfMxfp4, DisagreeingPairsAreNamed) {
  const Published p;
  std::vector<FoundTensor> tensors = p.tensors("down_proj");
  tensors[1].tensor.shape.back() = 1;
  try {
    join_mxfp4(tensors);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::data_loss);
    EXPECT_NE(std::string(e.what()).find("down_proj_blocks"), std::string::npos);
  }
}

}  // namespace
}  // namespace strata::model
