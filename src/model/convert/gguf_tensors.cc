#include <algorithm>
#include <map>

#include "base/error.h"
#include "model/convert/conventions.h"
#include "model/convert/gguf_form.h"
#include "model/convert/rows.h"
#include "model/family.h"

namespace strata::model {

using graph::StoredTensor;

namespace {

// Tensors whose rows and values both formats keep by the conventions known here.
constexpr std::string_view kKnown[] = {
    "token_embd", "token_embd_norm", "position_embd", "token_types", "output", "output_norm",
    "cls", "cls.norm", "cls.output",
    "attn_norm", "attn_norm_2", "attn_q", "attn_k", "attn_v", "attn_qkv", "attn_kv", "attn_output",
    "attn_q_norm", "attn_k_norm", "post_attention_norm", "attn_output_norm", "ffn_norm",
    "ffn_gate", "ffn_up", "ffn_down", "ffn_gate_inp", "ffn_gate_inp_shexp", "ffn_gate_shexp",
    "ffn_up_shexp", "ffn_down_shexp", "exp_probs_b", "post_ffw_norm", "layer_output_norm"};

bool is_known(const StoredTensor& t) {
  std::string_view name = std::string_view(t.name).substr(0, t.name.rfind('.'));
  if (name.starts_with("blk.")) name.remove_prefix(name.find('.', 4) + 1);
  return std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
}

/// Experts by the stack that they belong to, in order.
using Stacks = std::map<std::string, std::map<int64_t, const StoredTensor*>>;

void add_stacks(const Store& store, const Stacks& stacks, std::vector<StoredTensor>& out) {
  for (const auto& [name, experts] : stacks) {
    std::vector<const StoredTensor*> matrices;
    for (const auto& [number, t] : experts) {
      if (number != static_cast<int64_t>(matrices.size()) || t->shape.size() != 2 ||
          (!matrices.empty() &&
           (t->shape != matrices[0]->shape || t->type != matrices[0]->type)))
        fail(Code::data_loss, "{}: '{}' is not like the experts before it", store.path(), t->name);
      matrices.push_back(t);
    }
    out.push_back(stacked(matrices));
    out.back().name = name;
  }
}

}  // namespace

std::vector<StoredTensor> gguf_tensors(const Store& store, const Hyper& h) {
  const Family* family = find_family(h.arch);
  const bool pairs = family && family->interleaved_in_gguf;
  std::vector<StoredTensor> out;
  Stacks stacks;
  for (size_t i = 0; i < store.tensors().size(); ++i) {
    const StoredTensor& t = store.tensors()[i];
    const bool named = t.name != store.file_name(i);
    // A head beside the embedding that it is tied to, and what no row of the names knows.
    if (!named && !is_known(t)) continue;
    if (auto expert = expert_name(t.name)) {
      stacks[expert->stack][expert->number] = &t;
      continue;
    }
    if (!is_known(t))
      fail(Code::unimplemented, "{}: '{}' has no known form in GGUF, or another one than here",
           store.path(), t.name);
    if (h.norm_offset != 0 && is_gain(t)) out.push_back(with_added(t, h.norm_offset));
    else if (h.normalised_head && t.name == "output.weight") out.push_back(with_unit_rows(t));
    else if (h.transposed && is_layer_matrix(t)) out.push_back(transposed(t));
    else if (h.position_offset > 0 && t.name == "position_embd.weight")
      out.push_back(without_rows(t, h.position_offset));
    else if (auto order = row_order(t, h, pairs)) out.push_back(with_rows(t, std::move(*order)));
    else out.push_back(t);
  }
  add_stacks(store, stacks, out);
  return out;
}

}  // namespace strata::model
