// The schedule of tiles, with the model in place of the instructions, against the vector kernels.
#include "kernel/every_isa_test.h"
#include "kernel/matmul_panel.h"
#include "kernel/matmul_sample_test.h"
#include "kernel/tiles.h"
#define STRATA_KERNEL "kernel/matmul_tiles_test.cc"
#define STRATA_LEVELS_INT
#include "kernel/isa.h"

#ifndef STRATA_DISPATCH
#include "kernel/matmul_many.h"
#include "kernel/matmul_tiles.h"
namespace strata::kernel::STRATA_ISA {

template <Coding coding> static void many_on_model(const Share& s, ManyScratch& scratch) {
  many<coding, TileDots<ModelTiles>>(s, scratch);
}

}  // namespace strata::kernel::STRATA_ISA
#else

namespace strata::kernel {
namespace {

TEST(Tiles, ModelIsTheDefinition) {
  std::mt19937 rng(3);
  const int rows = 5, steps = 7, lanes = 16;
  std::vector<int8_t> a(rows * 40);
  std::vector<uint8_t> b(steps * 64);
  for (int8_t& v : a) v = int8_t(rng());
  for (uint8_t& v : b) v = uint8_t(rng());
  TileConfig config;
  config.set(0, rows, 64);
  config.set(1, rows, 4 * steps);
  config.set(2, steps, 64);
  ModelTiles::configure(config);
  ModelTiles::load<1>(a.data(), 40);
  ModelTiles::load<2>(b.data(), 64);
  ModelTiles::dot_s8_u8<0, 1, 2>();
  ModelTiles::dot_s8_u8<0, 1, 2>();
  int32_t c[rows][lanes];
  ModelTiles::store<0>(c, 64);
  for (int m = 0; m < rows; m++)
    for (int n = 0; n < lanes; n++) {
      int32_t sum = 0;
      for (int k = 0; k < 4 * steps; k++) sum += a[m * 40 + k] * b[k / 4 * 64 + 4 * n + k % 4];
      EXPECT_EQ(c[m][n], 2 * sum) << m << "," << n;
    }
}

template <class Run> void check(Type type, std::mt19937& rng, Run&& run) {
  for (int64_t cols : {256, 768})
    for (int tokens : {19, 23, 36}) {
      const Sample w(type, 40, cols, rng);
      const std::vector<float> x = normal_floats(cols * tokens, rng);
      const std::vector<Record> records = quantise(x.data(), cols, cols, tokens);
      const Activation in{
          .f32 = nullptr, .stride = cols, .records = records.data(), .tokens = tokens};
      std::vector<float> want(40 * tokens), got(40 * tokens);
      matmul(w.packed, in, {.y = want.data(), .stride = 40}, 0, 3);
      const Output out{.y = got.data(), .stride = 40};
      run(Share{.w = w.packed, .x = in, .out = out, .group_begin = 0, .group_end = 3,
                .group_bytes = group_bytes(type, cols),
                .layout = &quant::format_of(type).packing.layout,
                .read_header = layout::header_reader()});
      EXPECT_EQ(got, want) << info(type).name << " " << cols << " columns, " << tokens << " tokens";
    }
}

class TileSchedule : public EveryIsa {};
STRATA_EVERY_ISA(TileSchedule);

// The same sums of integers in the same order of floats: not a bit may differ.
TEST_P(TileSchedule, EqualsTheVectorKernels) {
  using layout::Coding;
  static ManyScratch scratch;
  check(Type::q4_0, rng_, [](const Share& s) {
    STRATA_PICK(many_on_model<Coding::u4>)(s, scratch);
  });
  check(Type::q4_k, rng_, [](const Share& s) {
    STRATA_PICK(many_on_model<Coding::u4_min>)(s, scratch);
  });
  check(Type::q6_k, rng_, [](const Share& s) {
    STRATA_PICK(many_on_model<Coding::u6x16>)(s, scratch);
  });
}

}  // namespace
}  // namespace strata::kernel
#endif
