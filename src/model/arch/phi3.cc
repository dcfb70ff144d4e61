// Phi 3, 3.5 and 4: Llama's block over fused projections, longrope.
// Source: arXiv:2404.14219 section 2. Golden: tests/golden/phi3.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "phi3",
    .hf = {"phi3"},
    .n_vocab = 32064,
    .d_model = 3072,
    .d_ff = 8192,
    .n_context = 4096,
    .norm_eps = 1e-5,
    .windows = WindowRule::all,
});

const Registry<Arch> entry{{.name = "phi3", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
