// Phi 1, 1.5 and 2: attention and MLP side by side behind one layer norm, biases everywhere.
// Source: arXiv:2306.11644 section 2.3. Golden: tests/golden/phi.
#include "model/arch.h"
#include "model/family.h"

namespace strata::model {
namespace {

const Registry<Family> family({
    .name = "phi2",
    .hf = {"phi"},
    .n_vocab = 51200,
    .d_model = 2048,
    .d_ff = 8192,
    .n_layer = 24,
    .norm = Norm::layer,
    .norm_eps = 1e-5,
    .act = kernel::Act::gelu_tanh,
    .rotated = 0.5,
});

const Registry<Arch> entry{{.name = "phi2", .block = parallel_mlp_block}};

}  // namespace
}  // namespace strata::model
