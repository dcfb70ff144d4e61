#include <algorithm>
#include <map>

#include "base/error.h"
#include "model/convert/conventions.h"
#include "model/convert/gguf_form.h"
#include "model/convert/rows.h"
#include "model/weights.h"

namespace strata::model {

using graph::StoredTensor;

namespace {

// Tensors that both formats keep by the conventions known here.
constexpr std::string_view kKnown[] = {
    "token_embd", "token_embd_norm", "position_embd", "token_types", "output", "output_norm",
    "cls", "cls.norm", "cls.output",
    "attn_norm", "attn_norm_2", "attn_q", "attn_k", "attn_v", "attn_qkv", "attn_kv", "attn_output",
    "attn_q_norm", "attn_k_norm", "attn_sinks", "attn_gate", "post_attention_norm",
    "attn_output_norm", "attn_q_a", "attn_q_a_norm", "attn_q_b", "attn_kv_a_mqa",
    "attn_kv_a_norm", "attn_kv_b",
    "ffn_norm", "ffn_gate", "ffn_up", "ffn_down", "post_ffw_norm", "layer_output_norm",
    "ffn_gate_inp", "ffn_gate_inp_shexp", "ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp",
    "exp_probs_b", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps",
    "ssm_in", "ssm_conv1d", "ssm_x", "ssm_dt", "ssm_a", "ssm_d", "ssm_norm", "ssm_out", "ssm_ba",
    "ssm_beta", "ssm_alpha", "shortconv.in_proj", "shortconv.conv", "shortconv.out_proj",
    "nextn.eh_proj", "nextn.embed_tokens", "nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm",
    "nextn.shared_head_head"};

bool is_known(const StoredTensor& t) {
  std::string_view name = t.name;
  for (std::string_view suffix : {".weight", ".bias"})
    if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  if (name.starts_with("blk.")) name.remove_prefix(name.find('.', 4) + 1);
  return std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
}

class ToGguf {
 public:
  ToGguf(const Store& store, const Hyper& hf, const Hyper& gguf)
      : store_(store), hf_(hf), conventions_(hf, gguf, store) {}

  std::vector<StoredTensor> make() {
    for (size_t i = 0; i < store_.tensors().size(); ++i)
      add(store_.tensors()[i], store_.file_name(i));
    add_stacks();
    // One matrix cannot be scaled for both of its uses.
    const StoredTensor* embedding = store_.find("token_embd.weight");
    if (conventions_.habits.weights_scaled && embedding && !store_.find("output.weight") &&
        hf_.embed_scale != hf_.logit_scale) {
      StoredTensor head = *embedding;
      head.name = "output.weight";
      out_.push_back(to_gguf(head, conventions_));
    }
    return std::move(out_);
  }

 private:
  void add(const StoredTensor& t, std::string_view file_name) {
    if (auto place = in_stack(t.name)) {
      stacks_[place->stack][place->number] = t;
    } else if (const auto parts = parts_of(t.name, conventions_); !parts.empty()) {
      for (const Part& p : parts) add_part(t, p);
    } else if (hf_.turned_experts && alternating_parts(t.name)) {
      const auto [gate, up] = *alternating_parts(t.name);
      for (const std::string& name : {gate, up}) out_.push_back(*turned().find(name));
    } else if (hf_.turned_experts && t.name.ends_with("ffn_down_exps.weight")) {
      out_.push_back(*turned().find(t.name));
    } else if (is_known(t)) {
      out_.push_back(to_gguf(t, conventions_));
    } else if (t.name != file_name) {
      fail(Code::unimplemented, "'{}' has no known form in GGUF", t.name);
    }
    // Else: a head beside the embedding that it is tied to, or what no row of the names knows.
  }

  void add_part(const StoredTensor& whole, const Part& part) {
    int64_t elements = 0;
    for (const Part& p : parts_of(whole.name, conventions_))
      elements += static_cast<int64_t>(p.rows.size()) * p.shape.back();
    if (elements != whole.elements() || part.shape.back() != whole.cols())
      fail(Code::data_loss, "{}: '{}' has another shape than the settings say", store_.path(),
           whole.name);
    StoredTensor t = with_rows(whole, part.rows, part.shape);
    t.name = part.name;
    out_.push_back(part.turned ? transposed(t) : to_gguf(t, conventions_));
  }

  void add_stacks() {
    for (const auto& [name, members] : stacks_) {
      std::vector<StoredTensor> parts;
      for (const auto& [number, t] : members) {
        if (number != static_cast<int64_t>(parts.size()) ||
            (!parts.empty() && (t.shape != parts[0].shape || t.type != parts[0].type)))
          fail(Code::data_loss, "{}: '{}' is not like those before it", store_.path(), t.name);
        parts.push_back(t);
      }
      out_.push_back(stacked(parts));
      out_.back().name = name;
    }
  }

  const Weights& turned() {
    if (!turned_) turned_ = std::make_shared<Weights>(store_, hf_);
    return *turned_;
  }

  const Store& store_;
  const Hyper& hf_;
  Conventions conventions_;
  std::map<std::string, std::map<int64_t, StoredTensor>> stacks_;
  std::shared_ptr<Weights> turned_;
  std::vector<StoredTensor> out_;
};

}  // namespace

std::vector<StoredTensor> gguf_tensors(const Store& store, const Hyper& hf, const Hyper& gguf) {
  return ToGguf(store, hf, gguf).make();
}

}  // namespace strata::model
