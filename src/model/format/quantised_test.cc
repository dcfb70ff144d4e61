// Matrices in the quantised layouts of other frameworks: the values are those that the layouts say.
#include "model/format/quantised.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/format/quantised_parts.h"
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

struct Layout {
  const char* name;
  kernel::Type type;   // that its values are kept in
};

class Quantised : public ::testing::TestWithParam<Layout> {};

TEST_P(Quantised, MeansWhatTheLayoutSays) {
  const std::string stem = golden("formats/quantised/") + GetParam().name;
  const std::vector<uint8_t> file = testing::read_bytes(stem + ".safetensors");
  std::vector<FoundTensor> tensors = parse_safetensors(file, stem);
  resolve_quantised(tensors, testing::read_text(stem + ".json"), stem);
  const FoundTensor *x = find(tensors, "x.weight"), *expected = find(tensors, "expected.weight");
  ASSERT_TRUE(x && expected);
  EXPECT_EQ(tensors.size(), 2u) << "the parts are gone";
  EXPECT_EQ(x->tensor.shape, expected->tensor.shape);
  EXPECT_EQ(values(*x), values(*expected));
  EXPECT_EQ(x->tensor.type, GetParam().type);
  EXPECT_EQ(x->tensor.bytes, kernel::row_bytes(x->tensor.type, x->tensor.cols()) *
                                 static_cast<size_t>(x->tensor.rows()));
}

// Columns in another order than their groups, zero points that int8 has no room for, and rows that
// blocks do not divide are left to F32.
INSTANTIATE_TEST_SUITE_P(Layouts, Quantised,
                         ::testing::Values(Layout{"gptq-4", kernel::Type::i4_32},
                                           Layout{"gptq-8-v2-act-order", kernel::Type::f32},
                                           Layout{"awq", kernel::Type::i4_32},
                                           Layout{"packed-4", kernel::Type::i4_32},
                                           Layout{"packed-8", kernel::Type::f32},
                                           Layout{"int8", kernel::Type::i8},
                                           Layout{"float8", kernel::Type::f8_e4m3},
                                           Layout{"fp8-block", kernel::Type::f32}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           for (char& c : name) c = std::isalnum(c) ? c : '_';
                           return name;
                         });

// A made matrix of each kind that no golden has: values as the plain reading of the codes gives.
TEST(QuantisedParts, EightBitsWithOneZeroPointAreInt8) {
  constexpr int64_t kRows = 8, kCols = 128, kGroups = 2;
  std::vector<uint32_t> codes(kCols / 4 * kRows), zeros(kGroups * kRows / 4, 0x7f7f7f7f);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<uint32_t>(i * 2654435761u);
  std::vector<float> scales(kGroups * kRows);
  for (size_t i = 0; i < scales.size(); ++i) scales[i] = 0.01f * static_cast<float>(i + 1);
  const graph::StoredTensor scale{.name = "s",
                                  .shape = {kGroups, kRows},
                                  .data = reinterpret_cast<const uint8_t*>(scales.data()),
                                  .bytes = scales.size() * sizeof(float)};
  CodeMatrix m{.bits = 8,
               .rows = kRows,
               .cols = kCols,
               .groups = kGroups,
               .codes = reinterpret_cast<const uint8_t*>(codes.data()),
               .zeros = reinterpret_cast<const uint8_t*>(zeros.data()),
               .zero_add = 1,
               .scales = PartScales(scale)};
  const RowsOf rows = rows_of_codes(m);
  ASSERT_EQ(rows.type, kernel::Type::i8);
  std::vector<uint8_t> stored(kernel::row_bytes(rows.type, kCols) * kRows);
  rows.make(0, kRows, stored.data());
  std::vector<float> got(kRows * kCols);
  kernel::to_f32(rows.type, stored.data(), kRows * kCols, got.data());
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t c = 0; c < kCols; ++c) {
      const int code = codes[c / 4 * kRows + r] >> (c % 4 * 8) & 255;
      EXPECT_EQ(got[r * kCols + c],
                scales[c / 64 * kRows + r] * static_cast<float>(code - 128));
    }
}

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
