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

TEST(PackSize, IsTheFileSizeUpToHeaderPadding) {
  for (Type type : every_type()) {
    const double file = 16.0 * double(row_bytes(type, 2048));
    const double packed = double(group_bytes(type, 2048));
    EXPECT_GE(packed, file) << info(type).name;
    EXPECT_LE(packed, file * 1.02) << info(type).name;
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
