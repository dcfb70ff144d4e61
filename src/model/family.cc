#include "model/family.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/registry.h"

namespace strata::model {
namespace {

using kernel::Act;

// Sources: the configuration classes documented with transformers; the GGUF loader of llama.cpp.
const Registry<Family> llama({
    .name = "llama",
    .hf = {"llama"},
    .interleaved_in_gguf = true,
});

const Registry<Family> mistral({
    .name = "mistral",
    .hf = {"mistral"},
    .d_ff = 14336,
    .n_head_kv = 8,
    .n_context = 131072,
    .interleaved_in_gguf = true,
    .windows = WindowRule::all,
    .window = 4096,
});

const Registry<Family> qwen2({
    .name = "qwen2",
    .hf = {"qwen2"},
    .n_vocab = 151936,
    .d_ff = 22016,
    .n_head_kv = 32,
    .n_context = 32768,
    .windows = WindowRule::upper,
    .window = 4096,
});

const Registry<Family> qwen3({
    .name = "qwen3",
    .hf = {"qwen3"},
    .n_vocab = 151936,
    .d_ff = 22016,
    .n_head_kv = 32,
    .d_head = 128,
    .n_context = 32768,
    .windows = WindowRule::upper,
    .window = 4096,
});

const Registry<Family> gemma2({
    .name = "gemma2",
    .hf = {"gemma2"},
    .n_vocab = 256000,
    .d_model = 2304,
    .d_ff = 9216,
    .n_layer = 26,
    .n_head = 8,
    .n_head_kv = 4,
    .d_head = 256,
    .n_context = 8192,
    .tied = true,
    .act = Act::gelu_tanh,
    .windows = WindowRule::alternating,
    .window = 4096,
    .window_pattern = 2,
    .gain_minus_one_in_hf = true,
    .scaled_embedding = true,
    .query_scalar = 256,
    .layers_scaled_by_width = 46,
    .attn_softcap = 50,
    .logit_softcap = 30,
});

const Registry<Family> gemma3({
    .name = "gemma3",
    .hf = {"gemma3_text", "gemma3"},
    .n_vocab = 262208,
    .d_model = 2304,
    .d_ff = 9216,
    .n_layer = 26,
    .n_head = 8,
    .n_head_kv = 4,
    .d_head = 256,
    .n_context = 131072,
    .tied = true,
    .act = Act::gelu_tanh,
    .rope_theta = 1e6,
    .rope_theta_local = 1e4,
    .windows = WindowRule::alternating,
    .window = 4096,
    .window_pattern = 6,
    .gain_minus_one_in_hf = true,
    .scaled_embedding = true,
    .query_scalar = 256,
    .layers_scaled_by_width = 62,
});

template <class F>
std::string joined(F&& names_of) {
  std::vector<std::string_view> names;
  Registry<Family>::each([&](const Family& f) { names_of(f, names); });
  std::sort(names.begin(), names.end());
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

const Family* find_family(std::string_view name) { return Registry<Family>::find(name); }

const Family* find_family_hf(std::string_view model_type) {
  const Family* found = nullptr;
  Registry<Family>::each([&](const Family& f) {
    if (std::find(f.hf.begin(), f.hf.end(), model_type) != f.hf.end()) found = &f;
  });
  return found;
}

std::string known_families() {
  return joined([](const Family& f, auto& names) { names.push_back(f.name); });
}

std::string known_model_types() {
  return joined(
      [](const Family& f, auto& names) { names.insert(names.end(), f.hf.begin(), f.hf.end()); });
}

}  // namespace strata::model
