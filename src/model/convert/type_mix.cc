#include "model/convert/type_mix.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace strata::model {
namespace {

using kernel::Type;

const std::vector<TypeMix>& mixes() {
  static const std::vector<TypeMix> all = {
      {"f32", Type::f32, 0},
      {"f16", Type::f16, 1},
      {"bf16", Type::bf16, 32},
      {"q8_0", Type::q8_0, 7},
      {"q4_0", Type::q4_0, 2, {{"output", Layers::all, Type::q6_k}}},
      {"q4_1", Type::q4_1, 3, {{"output", Layers::all, Type::q6_k}}},
      {"q5_0", Type::q5_0, 8, {{"output", Layers::all, Type::q6_k}}},
      {"q5_1", Type::q5_1, 9, {{"output", Layers::all, Type::q6_k}}},
      {"q4_k_s",
       Type::q4_k,
       14,
       {{"output", Layers::all, Type::q6_k},
        {"attn_v", Layers::first_four, Type::q5_k},
        {"ffn_down", Layers::first_eighth, Type::q5_k}}},
      {"q4_k_m",
       Type::q4_k,
       15,
       {{"output", Layers::all, Type::q6_k},
        {"attn_v", Layers::alternate, Type::q6_k},
        {"attn_qkv", Layers::all, Type::q5_k},
        {"ffn_down", Layers::alternate, Type::q6_k},
        {"ffn_down_exps", Layers::alternate, Type::q6_k}}},
      {"q5_k_s", Type::q5_k, 16, {{"output", Layers::all, Type::q6_k}}},
      {"q5_k_m",
       Type::q5_k,
       17,
       {{"output", Layers::all, Type::q6_k},
        {"attn_v", Layers::alternate, Type::q6_k},
        {"attn_qkv", Layers::all, Type::q6_k},
        {"ffn_down", Layers::alternate, Type::q6_k},
        {"ffn_down_exps", Layers::alternate, Type::q6_k}}},
      {"q6_k", Type::q6_k, 18},
      {"iq4_nl", Type::iq4_nl, 25, {{"output", Layers::all, Type::q6_k}}},
  };
  return all;
}

constexpr std::pair<std::string_view, std::string_view> kUsual[] = {{"q4_k", "q4_k_m"},
                                                                    {"q5_k", "q5_k_m"}};

// Small, and read by every token or in float arithmetic alone.
constexpr std::string_view kKept[] = {"ffn_gate_inp", "position_embd",  "token_types",
                                      "ssm_conv1d",   "shortconv.conv", "ssm_x",
                                      "ssm_dt",       "ssm_a",          "ssm_d",
                                      "rope_freqs"};

bool in_layers(Layers layers, int layer, int n) {
  switch (layers) {
    case Layers::all: return true;
    case Layers::first_two: return layer < 2;
    case Layers::first_four: return layer < 4;
    case Layers::first_sixteenth: return layer < n / 16;
    case Layers::first_eighth: return layer < n / 8;
    case Layers::alternate: return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2;
  }
  return false;
}

// "blk.3.attn_v.weight" -> "attn_v".
std::string_view stem(std::string_view name) {
  if (name.starts_with("blk.")) {
    name.remove_prefix(4);
    name.remove_prefix(std::min(name.find('.') + 1, name.size()));
  }
  return name.substr(0, name.rfind('.'));
}

/// The type itself, or the first of those finer ones whose blocks divide the rows.
Type fitting(Type type, int64_t cols) {
  const auto fits = [&](Type t) { return cols % kernel::info(t).block == 0; };
  if (fits(type)) return type;
  Type next = Type::q8_0;
  if (type == Type::q2_k || type == Type::q3_k) next = Type::q4_0;
  if (type == Type::q4_k) next = Type::q5_0;
  if (type == Type::q5_k) next = Type::q5_1;
  return fits(next) ? next : Type::f16;
}

}  // namespace

const TypeMix* find_type_mix(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const auto& [type, mix] : kUsual)
    if (lower == type) lower = mix;
  for (const TypeMix& mix : mixes())
    if (mix.name == lower) return &mix;
  return nullptr;
}

std::string type_mix_names() {
  std::string names;
  for (const TypeMix& mix : mixes()) names.append(names.empty() ? "" : ", ").append(mix.name);
  return names;
}

bool always_f32(std::string_view whole, std::span<const int64_t> shape) {
  const std::string_view name = stem(whole);
  const bool kept = std::find(std::begin(kKept), std::end(kKept), name) != std::end(kKept);
  return shape.size() < 2 || kept || whole.ends_with(".bias") || name.ends_with("norm");
}

Type choose_type(const TypeMix& mix, const TypeChoice& t) {
  if (always_f32(t.name, t.shape)) return Type::f32;
  const std::string_view name = stem(t.name);
  Type type = mix.base;
  for (const TypeRule& rule : mix.rules)
    if (rule.tensor == (t.head ? "output" : name) && in_layers(rule.layers, t.layer, t.n_layer))
      type = rule.type;
  return fitting(type, t.shape.back());
}

}  // namespace strata::model
