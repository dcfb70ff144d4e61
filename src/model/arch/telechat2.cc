// TeleChat 2: Llama's block; keys and values of a head side by side, the base stretched in advance.
// Source: arXiv:2401.03804; the publisher's code. Golden: tests/golden/telechat2.
#include <cmath>

#include "model/arch.h"
#include "model/family.h"
#include "model/format/hf_config.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

double read(const HfConfig& config, const char* key, double absent) {
  return checked(key, config.real(key).value_or(absent), 1.0, 1e9);
}

const Registry<Family> family({
    .name = "telechat2",
    .hf = {"telechat", "telechat2"},
    .n_vocab = 131072,
    .n_context = 8192,
    .norm_eps = 1e-5,
    .adjust_hf =
        [](const HfConfig& config, Hyper& h) {
          const double base = read(config, "base_seqlen", 8192);
          const double trained = read(config, "training_seqlen", base);
          const double alpha = std::exp2(std::ceil(std::log2(trained / base) + 1)) - 1;
          if (alpha > 1) h.rope.theta *= std::pow(alpha, h.rope.d / (h.rope.d - 2.0));
          h.rope_local = h.rope;
        },
});

const Registry<Arch> entry{{.name = "telechat2", .block = pre_norm_block}};

}  // namespace
}  // namespace strata::model
