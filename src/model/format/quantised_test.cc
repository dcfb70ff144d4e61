// Matrices in the quantised layouts of other frameworks: the values are those that the layouts say.
#include "model/format/quantised.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/format/safetensors.h"
#include "model/testing/files.h"

namespace strata::model {
namespace {

using testing::golden;

const FoundTensor* find(const std::vector<FoundTensor>& tensors, std::string_view name) {
  for (const FoundTensor& f : tensors)
    if (f.tensor.name == name) return &f;
  return nullptr;
}

std::vector<float> values(const FoundTensor& f) {
  std::vector<float> out(f.tensor.elements());
  graph::to_f32(f.tensor, out.data());
  return out;
}

class Quantised : public ::testing::TestWithParam<const char*> {};

TEST_P(Quantised, MeansWhatTheLayoutSays) {
  const std::string stem = golden("formats/quantised/") + GetParam();
  const std::vector<uint8_t> file = testing::read_bytes(stem + ".safetensors");
  std::vector<FoundTensor> tensors = parse_safetensors(file, stem);
  resolve_quantised(tensors, testing::read_text(stem + ".json"), stem);
  const FoundTensor *x = find(tensors, "x.weight"), *expected = find(tensors, "expected.weight");
  ASSERT_TRUE(x && expected);
  EXPECT_EQ(tensors.size(), 2u) << "the parts are gone";
  EXPECT_EQ(x->tensor.shape, expected->tensor.shape);
  EXPECT_EQ(values(*x), values(*expected));
}

INSTANTIATE_TEST_SUITE_P(Layouts, Quantised,
                         ::testing::Values("gptq-4", "gptq-8-v2-act-order", "awq", "packed-4",
                                           "packed-8", "int8", "float8", "fp8-block"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = std::isalnum(c) ? c : '_';
                           return name;
                         });

// Parts of other shapes than the rest says.
TEST(QuantisedParts, ThatDoNotFitAreNamed) {
  for (const char* name : {"gptq-4", "awq", "packed-8", "int8"}) {
    const std::string stem = golden("formats/quantised/") + name;
    const std::vector<uint8_t> file = testing::read_bytes(stem + ".safetensors");
    const std::string config = testing::read_text(stem + ".json");
    for (size_t part = 0; part < parse_safetensors(file, stem).size(); ++part) {
      std::vector<FoundTensor> tensors = parse_safetensors(file, stem);
      graph::StoredTensor& t = tensors[part].tensor;
      if (t.name == "expected.weight" || t.name.ends_with("weight_shape")) continue;
      t.shape.front() += 1;
      try {
        resolve_quantised(tensors, config, stem);
        ADD_FAILURE() << name << " " << t.name;
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), Code::data_loss);
        EXPECT_NE(std::string(e.what()).find("'x'"), std::string::npos) << e.what();
      }
    }
  }
}

}  // namespace
}  // namespace strata::model
