#include <map>

#include "kernel/every_isa_test.h"
#include "kernel/matmul_sample_test.h"

namespace strata::kernel {
namespace {

class Pack : public EveryIsa {};
STRATA_EVERY_ISA(Pack);

TEST_P(Pack, UnpackedRowsAreTheStoredValues) {
  for (Type type : every_type())
    for (int64_t rows : {1, 16, 17, 48})
      for (int64_t cols : {1, 3, 32, 96, 256, 576, 1536}) {
        if (cols % info(type).block) continue;
        const Sample s(type, rows, cols, rng_);
        std::vector<float> got(cols);
        for (int64_t r = 0; r < rows; r++) {
          unpack_row(s.packed, r, got.data());
          const std::vector<float> want = s.row(r), size = s.magnitude(r);
          for (int64_t k = 0; k < cols; k++)
            ASSERT_NEAR(got[k], want[k], 3e-7f * size[k])
                << info(type).name << " " << rows << "x" << cols << " at " << r << "," << k;
        }
      }
}

// Weights are not expanded in memory without this page's knowing: most are packed in the bytes that
// the file has; ternary and grid formats at the width of their values; a few headers are padded.
TEST(PackSize, IsTheFileSizeButForTheseFormats) {
  const std::map<Type, double> ratio = {
      {Type::q8_k, 260 / 292.},   {Type::iq1_s, 104 / 50.},  {Type::iq1_m, 108 / 56.},
      {Type::iq2_xxs, 104 / 66.}, {Type::iq2_xs, 108 / 74.}, {Type::iq2_s, 108 / 82.},
      {Type::iq3_xxs, 136 / 98.}, {Type::iq3_s, 136 / 110.}, {Type::tq1_0, 68 / 54.},
      {Type::tq2_0, 68 / 66.},    {Type::q1_0, 72 / 36.},    {Type::nvfp4, 148 / 144.},
      {Type::i4_32, 168 / 192.},  {Type::i4_64, 148 / 160.}, {Type::i4_128, 140 / 144.}};
  for (Type type : every_type()) {
    const double file = 16.0 * double(row_bytes(type, 2048));
    const double packed = double(group_bytes(type, 2048));
    const double expected = ratio.contains(type) ? ratio.at(type) : 1;
    EXPECT_GE(packed / file, expected * 0.999) << info(type).name;
    EXPECT_LE(packed / file, expected * 1.02) << info(type).name;
    for (int64_t cols = info(type).block; cols < 2048; cols += info(type).block)
      EXPECT_EQ(group_bytes(type, cols) % 64, 0u);
  }
}

TEST(PackRange, DisjointRangesMakeTheWhole) {
  std::mt19937 rng(1);
  for (Type type : every_type()) {
    const Sample s(type, 70, 512, rng);
    const size_t bytes = group_bytes(type, 512) * 5;
    std::vector<uint8_t> parts(bytes, 0x5a);
    pack(type, s.stored.data(), 70, 512, 3, 5, parts.data());
    pack(type, s.stored.data(), 70, 512, 0, 3, parts.data());
    EXPECT_EQ(std::memcmp(parts.data(), s.packed.data, bytes), 0) << info(type).name;
  }
}

}  // namespace
}  // namespace strata::kernel
