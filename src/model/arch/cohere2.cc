// Command R7B and A: Command R's block, three windowed layers to a global one without positions.
// Source: arXiv:2504.00698 section 2.1. Golden: tests/golden/cohere2.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "cohere2",
    .hf = {"cohere2"},
    .n_vocab = 256000,
    .d_model = 8192,
    .d_ff = 22528,
    .n_layer = 40,
    .n_head = 64,
    .n_context = 8192,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .tied = true,
    .interleaved_in_gguf = true,
    .interleaved_in_hf = true,
    .no_rope = NoRopeRule::global,
    .windows = WindowRule::alternating,
    .window = 4096,
    .window_pattern = 4,
    .logit_scale = 0.0625,
});

const Registry<Arch> entry{{.name = "cohere2", .block = parallel_block}};

}  // namespace
}  // namespace strata::model
