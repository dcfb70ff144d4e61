// A DeepSeek-V3-shaped model: what its cache takes and what a token reads follow from its sizes.
#include <gtest/gtest.h>

#include "engine/graph_executor.h"
#include "kernel/matmul.h"
#include "model/format/synthetic.h"
#include "model/model.h"
#include "model/testing/files.h"

namespace strata::engine {
namespace {

constexpr kernel::Type kType = kernel::Type::q8_0;

double packed(kernel::Type type, int64_t rows, int64_t cols) {
  return static_cast<double>(kernel::group_bytes(type, cols)) *
         static_cast<double>((rows + kernel::kGroupRows - 1) / kernel::kGroupRows);
}

// Attention in absorbed form, the head, the dense layer, and of the experts those that are used.
double weights_a_token(const model::SyntheticShape& s) {
  const auto matrix = [](int64_t rows, int64_t cols) { return packed(kType, rows, cols); };
  const auto unit = [&](int ff) { return 2 * matrix(ff, s.d_model) + matrix(s.d_model, ff); };
  const double attention = matrix(s.q_rank, s.d_model) +
                           matrix(s.n_head * (s.d_nope + s.d_rope), s.q_rank) +
                           matrix(s.kv_rank + s.d_rope, s.d_model) +
                           s.n_head * (matrix(s.kv_rank, s.d_nope) + matrix(s.d_v, s.kv_rank)) +
                           matrix(s.d_model, s.n_head * s.d_v);
  const double experts = (s.n_expert_used + 1) * unit(s.d_expert) +
                         packed(kernel::Type::f32, s.n_expert, s.d_model);
  return s.n_layer * attention + unit(s.d_ff) + (s.n_layer - 1) * experts +
         matrix(s.n_vocab, s.d_model);
}

TEST(LatentModel, MemoryAndBytesATokenFollowFromTheShape) {
  const model::testing::TemporaryFolder folder;
  const model::SyntheticShape& s = *model::find_synthetic_shape("tiny-deepseek");
  model::write_synthetic(folder / "m.gguf", {.shape = &s, .type = kType, .head_type = kType});
  const auto model = model::load(folder / "m.gguf");
  EngineOptions options{.threads = 2, .max_model_len = 512, .max_num_seqs = 2,
                        .max_num_batched_tokens = 64};
  const GraphExecutor executor(*model, options);
  const graph::Executor& graph = executor.graph();

  // One row of latent and rotated key a token and layer, nothing a head: in f16.
  const size_t position = size_t{2} * s.n_layer * (s.kv_rank + s.d_rope);
  EXPECT_EQ(graph.footprint().kv_page, kernel::kKvBlock * position);
  EXPECT_EQ(graph.step_kv_bytes(300), 300.0 * static_cast<double>(position));
  EXPECT_DOUBLE_EQ(graph.step_weight_bytes(), weights_a_token(s));
}

}  // namespace
}  // namespace strata::engine
