#include "model/hyper.h"

#include <cmath>

#include "base/error.h"
#include "model/carried.h"
#include "model/format/hf_config.h"
#include "model/hyper_read.h"
#include "model/store.h"

namespace strata::model {
namespace {

std::vector<float> divisors(const Store& store, std::string_view name) {
  const graph::StoredTensor* t = store.find(name);
  if (!t) return {};
  if (t->type != kernel::Type::f32 || t->elements() > hyper_max::kHeadDim)
    fail(Code::data_loss, "{}: {} is not an F32 tensor of at most {} elements", store.path(), name,
         hyper_max::kHeadDim);
  std::vector<float> values(t->elements());
  graph::to_f32(*t, values.data());
  return values;
}

int64_t embedding_rows(const Store& store) {
  const graph::StoredTensor* t = store.find("token_embd.weight");
  return t && t->shape.size() == 2 ? t->shape[0] : 0;
}

void check_rope(const char* which, const Rope& rope) {
  auto impossible = [&](const char* what) {
    fail(Code::data_loss, "rotary embedding of {} layers: {}", which, what);
  };
  if (rope.d % 2 != 0) impossible("an odd number of dimensions");
  for (const auto* divisors : {&rope.freq_divisors, &rope.short_factors, &rope.long_factors}) {
    if (divisors->empty() && !(rope.scaling == RopeScaling::longrope &&
                               divisors != &rope.freq_divisors))
      continue;
    if (divisors->size() != static_cast<size_t>(rope.d / 2))
      impossible("its factors (rope_freqs, short and long) are not one a pair of dimensions");
    for (float f : *divisors)
      if (!(f > 0 && std::isfinite(f))) impossible("one of its factors is not above 0");
  }
  if (rope.scaling == RopeScaling::llama3 && rope.low_freq_factor >= rope.high_freq_factor)
    impossible("high_freq_factor must be above low_freq_factor");
}

}  // namespace

float Hyper::scale() const {
  return attn_scale != 0 ? attn_scale : 1.0f / std::sqrt(static_cast<float>(d_head));
}

int checked(std::string_view key, int64_t value, int64_t min, int64_t max) {
  if (value < min || value > max)
    fail(Code::data_loss, "'{}' is {}; it must be from {} to {}", key, value, min, max);
  return static_cast<int>(value);
}

double checked(std::string_view key, double value, double min, double max) {
  if (!(value >= min && value <= max))
    fail(Code::data_loss, "'{}' is {}; it must be from {} to {}", key, value, min, max);
  return value;
}

void check_hyper(const Hyper& h) {
  check_experts(h);
  if (h.n_head % h.n_head_kv != 0)
    fail(Code::data_loss, "{} attention heads cannot share {} key/value heads evenly", h.n_head,
         h.n_head_kv);
  if (h.rope.d > h.d_head || h.rope_local.d > h.d_head)
    fail(Code::data_loss, "{} rotated dimensions are more than the {} of a head", h.rope.d,
         h.d_head);
  check_rope("full-attention", h.rope);
  check_rope("sliding-window", h.rope_local);
}

Hyper read_hyper(const Store& store) {
  try {
    Hyper hyper;
    if (store.format() == "hf") {
      const std::string text = store.side_file("config.json");
      if (text.empty())
        fail(Code::not_found, "no config.json beside the weights; it says what model they are of");
      hyper = read_hyper_hf(HfConfig(text, "config.json"));
    } else if (is_carried(store.metadata())) {
      const auto text = store.metadata().text(kConfigKey);
      if (!text) fail(Code::data_loss, "metadata key '{}' is missing", kConfigKey);
      hyper = read_hyper_hf(HfConfig(*text, std::string(kConfigKey)));
    } else {
      hyper = read_hyper_gguf(store.metadata(), embedding_rows(store),
                              {.divisors = divisors(store, "rope_freqs.weight"),
                               .short_factors = divisors(store, "rope_factors_short.weight"),
                               .long_factors = divisors(store, "rope_factors_long.weight")});
    }
    check_hyper(hyper);
    return hyper;
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("{}: {}", store.path(), e.what()), e.reason(), e.param());
  }
}

}  // namespace strata::model
