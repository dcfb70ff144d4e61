#include "model/convert/conventions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>

#include "model/convert/rows.h"

namespace strata::model {
namespace {

using graph::StoredTensor;
using Rows = std::vector<int64_t>;

std::string_view stem(std::string_view name) {
  for (std::string_view suffix : {".weight", ".bias"})
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  return name;
}

/// "blk.2.attn_q.weight" -> "attn_q".
std::string_view short_name(std::string_view name) {
  name = stem(name);
  if (name.starts_with("blk.")) name.remove_prefix(std::min(name.find('.', 4) + 1, name.size()));
  return name;
}

int layer_of(std::string_view name) {
  int layer = -1;
  if (name.starts_with("blk.")) std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  return layer;
}

void add_run(Rows& rows, int64_t first, int64_t n) {
  for (int64_t i = 0; i < n; ++i) rows.push_back(first + i);
}

/// Appends the rows of one head that begins at `first`; rotated ones as pairs where asked.
void add_head(Rows& rows, int64_t first, int d_head, int d_pairs) {
  for (int i = 0; i < d_head; ++i)
    rows.push_back(first + (i < d_pairs ? i / 2 + i % 2 * (d_pairs / 2) : i));
}

// attn_qkv. The file: for each group its queries, key and value; or all queries, keys, values.
Rows fused_rows(const Hyper& h, int d_pairs) {
  Rows rows;
  const int share = h.n_head / h.n_head_kv;
  const int64_t group = int64_t{share} * h.d_head + h.d_head + h.d_head_v;
  const int64_t keys = int64_t{h.n_head} * h.d_head;
  const int64_t values = keys + int64_t{h.n_head_kv} * h.d_head;
  for (int i = 0; i < h.n_head; ++i)
    add_head(rows,
             h.qkv_by_group ? i / share * group + i % share * h.d_head : int64_t{i} * h.d_head,
             h.d_head, d_pairs);
  for (int i = 0; i < h.n_head_kv; ++i)
    add_head(rows,
             h.qkv_by_group ? i * group + int64_t{share} * h.d_head : keys + int64_t{i} * h.d_head,
             h.d_head, d_pairs);
  for (int i = 0; i < h.n_head_kv; ++i)
    add_head(rows,
             h.qkv_by_group ? i * group + int64_t{share + 1} * h.d_head
                            : values + int64_t{i} * h.d_head_v,
             h.d_head_v, 0);
  return rows;
}

/// Value heads by turns of their key heads, `d` rows each, after `before` other rows. Source: the
/// order that GGUF files of Qwen 3.5 have, in which head h reads key head h % groups.
Rows tiled_rows(const StateSpace& s, int64_t before, int64_t d) {
  Rows rows;
  add_run(rows, 0, before);
  const int share = s.n_head / s.n_group;
  for (int i = 0; i < s.n_head; ++i)
    add_run(rows, before + (int64_t{i} % s.n_group * share + i / s.n_group) * d, d);
  return rows;
}

/// Row r in GGUF is row [r] of the Hugging Face file; nothing where the order is the same.
std::optional<Rows> row_order(std::string_view name, const Conventions& c) {
  const Hyper& h = c.hf;
  const int d_pairs = c.gguf.rope.interleaved && !h.rope.interleaved ? h.rope.d : 0;
  const bool recurrent = layer_of(name) >= 0 && layer_of(name) < h.n_layer &&
                         h.is_recurrent(layer_of(name));
  const StateSpace& s = h.ssm;
  name = short_name(name);
  if (recurrent && s.kind == StateKind::delta) {
    if (!c.gguf.ssm.tiled || s.n_head == s.n_group) return std::nullopt;
    if (name == "attn_qkv" || name == "ssm_conv1d")
      return tiled_rows(s, 2 * int64_t{s.n_group} * s.d_state, s.d_head());
    if (name == "attn_gate") return tiled_rows(s, 0, s.d_head());
    if (name == "ssm_beta" || name == "ssm_alpha" || name == "ssm_a" || name == "ssm_dt")
      return tiled_rows(s, 0, 1);
    return std::nullopt;
  }
  if (name == "attn_qkv" && (h.qkv_by_group || d_pairs > 0)) return fused_rows(h, d_pairs);
  const bool q = name == "attn_q";
  if ((!q && name != "attn_k") || d_pairs == 0) return std::nullopt;
  Rows rows;
  for (int i = 0; i < (q ? h.n_head : h.n_head_kv); ++i)
    add_head(rows, int64_t{i} * h.d_head, h.d_head, d_pairs);
  return rows;
}

std::optional<Rows> column_order(std::string_view name, const Conventions& c) {
  const StateSpace& s = c.hf.ssm;
  if (short_name(name) != "ssm_out" || s.kind != StateKind::delta || !c.gguf.ssm.tiled ||
      s.n_head == s.n_group)
    return std::nullopt;
  return tiled_rows(s, 0, s.d_head());
}

/// A gain that the Hugging Face file stores less by Hyper::norm_offset.
bool is_gain(const StoredTensor& t) {
  return t.name.ends_with("norm.weight") && !t.name.ends_with("ssm_norm.weight") &&
         t.shape.size() == 1;
}

bool is_layer_matrix(const StoredTensor& t) {
  return t.name.starts_with("blk.") && t.shape.size() == 2;
}

/// What Falcon-H1's files multiply at run time and GGUF's have in the rows of their weights.
std::function<float(int64_t row)> row_factors(std::string_view whole_name, const Hyper& h) {
  const Multipliers& m = h.multiply;
  const bool bias = whole_name.ends_with(".bias");
  const std::string_view name = short_name(whole_name);
  const auto constant = [](float factor) { return [factor](int64_t) { return factor; }; };
  // A factor of the input reaches the product, not what is added to it.
  const float attention_in = bias ? 1 : m.attention_in;
  const float key = h.scale() * std::sqrt(static_cast<float>(h.d_head));
  if (name == "token_embd") return constant(h.embed_scale);
  if (name == "output") return constant(h.logit_scale);
  if (name == "attn_q" || name == "attn_v") return constant(attention_in);
  if (name == "attn_k") return constant(attention_in * key);
  if (name == "attn_output") return constant(m.attention_out);
  if (name == "ffn_gate") return constant(m.gate);
  if (name == "ffn_down") return constant(m.down);
  if (name == "ssm_out") return constant(m.ssm_out);
  if (name != "ssm_in") return nullptr;
  const int64_t inner = h.ssm.d_inner, bc = int64_t{h.ssm.n_group} * h.ssm.d_state;
  const float in = bias ? 1 : m.ssm_in;
  return [=, ends = std::array{inner, 2 * inner, 2 * inner + bc, 2 * inner + 2 * bc},
          ssm = std::to_array(m.ssm)](int64_t row) {
    size_t part = 0;
    while (part < ends.size() && row >= ends[part]) ++part;
    return in * ssm[part];
  };
}

/// Shapes that GGUF's files give to what has as many elements.
std::vector<int64_t> gguf_shape(const StoredTensor& t, const Hyper& h) {
  const StateSpace& s = h.ssm;
  if (s.kind != StateKind::dual) return t.shape;
  const std::string_view name = short_name(t.name);
  if (name == "ssm_a" || name == "ssm_d") return {t.elements(), 1};
  if (name == "ssm_norm" && t.elements() % s.n_group == 0)
    return {s.n_group, t.elements() / s.n_group};
  return t.shape;
}

/// And back.
std::vector<int64_t> hf_shape(const StoredTensor& t, const Hyper& h) {
  const std::string_view name = short_name(t.name);
  const bool vector = name == "ssm_a" || name == "ssm_d" || name == "ssm_norm";
  return h.ssm.kind == StateKind::dual && vector ? std::vector<int64_t>{t.elements()} : t.shape;
}

bool has_position_offset(const StoredTensor& t, const Conventions& c) {
  return c.hf.position_offset > 0 && t.name == "position_embd.weight";
}

}  // namespace

GgufHabits gguf_habits(std::string_view family) {
  static constexpr GgufHabits kHabits[] = {
      {.family = "mistral", .written_as = "llama"},
      {.family = "mixtral", .written_as = "llama"},
      {.family = "deepseek2", .written_as = "deepseek2", .absorbed = true},
      {.family = "deepseek3", .written_as = "deepseek2", .absorbed = true},
      {.family = "falcon-h1",
       .written_as = "falcon-h1",
       .weights_scaled = true,
       .bare_ffn_norm = true},
      {.family = "qwen35", .written_as = "qwen35", .rope_sections = true},
  };
  for (const GgufHabits& h : kHabits)
    if (h.family == family) return h;
  return {.family = family, .written_as = family};
}

Conventions::Conventions(const Hyper& in_hf, const Hyper& in_gguf,
                         const graph::WeightSource& tensors)
    : hf(in_hf), gguf(in_gguf), habits(gguf_habits(in_hf.arch)), d_ff_expert(in_hf.d_ff) {
  for (int i = 0; i < hf.n_layer; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    const StoredTensor* fused = tensors.find(layer + "ffn_gate_up_exps.weight");
    const StoredTensor* gate = tensors.find(layer + "ffn_gate_exps.weight");
    if (fused && fused->shape.size() == 3) d_ff_expert = fused->shape[1] / 2;
    else if (gate && gate->shape.size() == 3) d_ff_expert = gate->shape[1];
  }
}

StoredTensor to_gguf(const StoredTensor& t, const Conventions& c) {
  StoredTensor out = t;
  if (c.hf.norm_offset != 0 && is_gain(t))
    out = with_values(out, [by = c.hf.norm_offset](float v, int64_t) { return v + by; });
  if (c.habits.weights_scaled)
    if (auto factor = row_factors(t.name, c.hf))
      out = with_values(out, [factor](float v, int64_t row) { return v * factor(row); });
  if (c.hf.normalised_head && t.name == "output.weight") out = with_unit_rows(out);
  if (c.hf.transposed && is_layer_matrix(t)) out = transposed(out);
  if (has_position_offset(t, c)) out = without_rows(out, c.hf.position_offset);
  if (auto order = row_order(t.name, c)) out = with_rows(out, std::move(*order));
  if (auto order = column_order(t.name, c)) out = with_columns(out, std::move(*order));
  out = reshaped(out, gguf_shape(out, c.hf));
  if (c.habits.bare_ffn_norm && short_name(t.name) == "ffn_norm") out.name = stem(t.name);
  return out;
}

StoredTensor to_hf(const StoredTensor& t, const Conventions& c) {
  StoredTensor out = reshaped(t, hf_shape(t, c.hf));
  if (auto order = column_order(t.name, c)) out = with_columns(out, inverse(*order));
  if (auto order = row_order(t.name, c)) out = with_rows(out, inverse(*order));
  if (has_position_offset(t, c)) out = with_zero_rows(out, c.hf.position_offset);
  if (c.hf.transposed && is_layer_matrix(t)) out = transposed(out);
  if (c.habits.weights_scaled)
    if (auto factor = row_factors(t.name, c.hf))
      out = with_values(out, [factor](float v, int64_t row) { return v / factor(row); });
  if (c.hf.norm_offset != 0 && is_gain(t))
    out = with_values(out, [by = c.hf.norm_offset](float v, int64_t) { return v - by; });
  return out;
}

std::optional<InStack> in_stack(std::string_view name) {
  const size_t end = name.rfind('.');
  if (end == name.npos || !name.starts_with("blk.")) return std::nullopt;
  const size_t dot = name.rfind('.', end - 1);
  if (dot == name.npos) return std::nullopt;
  const std::string_view base = name.substr(0, dot);
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    for (std::string_view n : names)
      if (base.ends_with(n)) return true;
    return false;
  };
  const bool expert = is_one_of({".ffn_gate", ".ffn_up", ".ffn_down"});
  if (!expert && !is_one_of({".attn_q_norm", ".attn_k_norm"})) return std::nullopt;
  InStack out{.stack = {}, .number = -1};
  const std::string_view digits = name.substr(dot + 1, end - dot - 1);
  const auto [last, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), out.number);
  if (error != std::errc() || last != digits.data() + digits.size() || out.number < 0)
    return std::nullopt;
  out.stack = std::string(base) + (expert ? "_exps" : "") + std::string(name.substr(end));
  return out;
}

namespace {

// The fused input projection of a delta net: for each key head q, k, its value heads, their gates.
std::vector<Part> delta_parts(const std::string& layer, const Hyper& h) {
  const StateSpace& s = h.ssm;
  const int64_t d_k = s.d_state, v = int64_t{s.n_head} / s.n_group * s.d_head();
  const int64_t group = 2 * d_k + 2 * v;
  Part qkv{.name = layer + "attn_qkv.weight"}, gate{.name = layer + "attn_gate.weight"};
  for (int64_t first : {int64_t{0}, d_k})
    for (int g = 0; g < s.n_group; ++g) add_run(qkv.rows, g * group + first, d_k);
  for (int g = 0; g < s.n_group; ++g) {
    add_run(qkv.rows, g * group + 2 * d_k, v);
    add_run(gate.rows, g * group + 2 * d_k + v, v);
  }
  qkv.shape = {std::ssize(qkv.rows), h.d_model};
  gate.shape = {std::ssize(gate.rows), h.d_model};
  return {qkv, gate};
}

// Keys and values of every head out of the latent. GGUF's keys are turned: they meet the query.
std::vector<Part> latent_parts(const std::string& layer, const Hyper& h) {
  const Latent& l = h.latent;
  const int64_t head = l.d_nope + l.d_v;
  Part keys{.name = layer + "attn_k_b.weight", .turned = true};
  Part values{.name = layer + "attn_v_b.weight"};
  for (int i = 0; i < h.n_head; ++i) {
    add_run(keys.rows, i * head, l.d_nope);
    add_run(values.rows, i * head + l.d_nope, l.d_v);
  }
  keys.shape = {h.n_head, l.d_nope, l.rank};
  values.shape = {h.n_head, l.d_v, l.rank};
  return {keys, values};
}

std::vector<Part> gate_and_up(const std::string& layer, const Hyper& h, int64_t d_ff) {
  Part gate{.name = layer + "ffn_gate_exps.weight"}, up{.name = layer + "ffn_up_exps.weight"};
  for (int64_t e = 0; e < h.experts.n_expert; ++e) {
    add_run(gate.rows, 2 * e * d_ff, d_ff);
    add_run(up.rows, (2 * e + 1) * d_ff, d_ff);
  }
  gate.shape = up.shape = {h.experts.n_expert, d_ff, h.d_model};
  return {gate, up};
}

}  // namespace

std::vector<Part> parts_of(const std::string& name, const Conventions& c) {
  if (!name.ends_with(".weight") || !name.starts_with("blk.")) return {};
  const std::string_view what = short_name(name);
  const std::string layer = name.substr(0, name.find('.', 4) + 1);
  if (what == "ssm_in" && c.hf.ssm.kind == StateKind::delta) return delta_parts(layer, c.hf);
  if (what == "attn_kv_b" && c.habits.absorbed) return latent_parts(layer, c.hf);
  if (what == "ffn_gate_up_exps" && !c.hf.turned_experts) 
    return gate_and_up(layer, c.hf, c.d_ff_expert);
  return {};
}

std::optional<Alternating> alternating_parts(std::string_view name) {
  constexpr std::string_view kFused = "ffn_gate_up_exps";
  const size_t at = name.find(kFused);
  if (at == name.npos) return std::nullopt;
  const std::string before(name.substr(0, at)), after(name.substr(at + kFused.size()));
  return Alternating{before + "ffn_gate_exps" + after, before + "ffn_up_exps" + after};
}

StoredTensor as_in_file(const StoredTensor& t, std::string_view file_name) {
  StoredTensor out = t;
  if (file_name.ends_with(".A_log"))
    out = with_values(t, [](float a, int64_t) { return std::log(-a); });
  const std::string_view name = short_name(t.name);
  if ((name == "ssm_conv1d" || name == "shortconv.conv") && t.shape.size() == 2)
    out.shape.insert(out.shape.begin() + 1, 1);
  return out;
}

}  // namespace strata::model
