#include "model/convert/gguf_form.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "model/tokenizer/files.h"

namespace strata::model {
namespace {

// Of the file that it was: sizes of splits, types that change.
constexpr std::string_view kDropped[] = {"general.file_type", "general.quantization_version",
                                         "general.alignment", "split."};

std::string folder_name(const std::string& path) {
  const std::filesystem::path p(path);
  return (p.filename().empty() ? p.parent_path() : p).stem().string();
}

graph::StoredTensor vector_tensor(std::string name, std::vector<float> values) {
  graph::StoredTensor t{.name = std::move(name),
                        .shape = {static_cast<int64_t>(values.size())},
                        .bytes = values.size() * sizeof(float)};
  t.make = [values = std::move(values)](int64_t, int64_t, uint8_t* out) {
    std::memcpy(out, values.data(), values.size() * sizeof(float));
  };
  return t;
}

GgufForm copy_of(const Store& store) {
  GgufForm form{.metadata = store.metadata()};
  std::erase_if(form.metadata.values, [](const auto& entry) {
    for (std::string_view dropped : kDropped)
      if (entry.first.starts_with(dropped)) return true;
    return false;
  });
  form.tensors.assign(store.tensors().begin(), store.tensors().end());
  return form;
}

/// Settings of a model that it has no tensors for do not matter.
Hyper used_settings(const Store& store) {
  Hyper h = read_hyper(store);
  const std::string behind = fmt::format("blk.{}.", h.n_layer);
  bool nextn = false, gated_norm = false;
  for (const graph::StoredTensor& t : store.tensors()) {
    nextn |= t.name.starts_with(behind);
    gated_norm |= t.name.ends_with(".ssm_norm.weight");
  }
  if (!nextn) h.n_nextn = 0;
  if (!gated_norm) h.ssm.gate_first = true;
  return h;
}

/// Sizes that other programs want as keys and ours reads off the tensors.
void add_tensor_sizes(GgufForm& form) {
  const std::string arch = form.metadata.text("general.architecture").value_or("");
  int64_t dense = INT64_MAX, expert = 0, shared = 0, query_rank = 0;
  for (const graph::StoredTensor& t : form.tensors) {
    const std::string_view name = t.name;
    if (!name.starts_with("blk.")) continue;
    const int64_t layer = std::stoll(t.name.substr(4));
    if (name.ends_with(".ffn_gate_inp.weight")) dense = std::min(dense, layer);
    if (name.ends_with(".ffn_gate_exps.weight")) expert = t.shape[1];
    if (name.ends_with(".ffn_gate_shexp.weight")) shared = t.shape[0];
    if (name.ends_with(".attn_q_a.weight")) query_rank = t.shape[0];
  }
  const auto put = [&](std::string_view tail, int64_t value) {
    form.metadata.values[fmt::format("{}.{}", arch, tail)] = {static_cast<uint64_t>(value)};
  };
  if (query_rank > 0) put("attention.q_lora_rank", query_rank);
  if (expert == 0) return;
  put("leading_dense_block_count", dense);
  put("expert_feed_forward_length", expert);
  if (shared == 0) return;
  put("expert_shared_feed_forward_length", shared);
  if (shared % expert == 0) put("expert_shared_count", shared / expert);
}

graph::StoredTensor rope_tensor(std::string_view name, const std::vector<float>& values) {
  return vector_tensor(fmt::format("{}.weight", name), values);
}

GgufForm in_gguf(const Store& store, int64_t n_vocab) {
  const Hyper hyper = used_settings(store);
  GgufSettings settings = gguf_settings(hyper, n_vocab);
  GgufForm form{.metadata = std::move(settings.metadata)};
  form.tensors = gguf_tensors(store, hyper, settings.hyper);
  add_tensor_sizes(form);
  const RopeFactors& rope = settings.rope;
  if (!rope.divisors.empty()) form.tensors.push_back(rope_tensor("rope_freqs", rope.divisors));
  if (!rope.long_factors.empty()) {
    form.tensors.push_back(rope_tensor("rope_factors_long", rope.long_factors));
    form.tensors.push_back(rope_tensor("rope_factors_short", rope.short_factors));
  }
  return form;
}

GgufForm carried(const Store& store, std::string why) {
  GgufForm form;
  form.carried = std::move(why);
  form.metadata.values["general.architecture"] = {std::string(kCarriedArchitecture)};
  form.tensors.assign(store.tensors().begin(), store.tensors().end());
  return form;
}

GgufForm in_gguf_or_carried(const Store& store, int64_t n_vocab) {
  try {
    return in_gguf(store, n_vocab);
  } catch (const Error& e) {
    if (e.code() != Code::unimplemented) throw;
    return carried(store, e.what());
  }
}

}  // namespace

GgufForm gguf_form(const Store& store, const GgufFormOptions& options) {
  if (store.format() == "gguf") return copy_of(store);
  const graph::StoredTensor* embedding = store.find("token_embd.weight");
  if (!embedding) fail(Code::data_loss, "{}: has no token embedding", store.path());
  GgufForm form = in_gguf_or_carried(store, embedding->shape.front());
  form.metadata.values.try_emplace("general.name", Value{folder_name(store.path())});
  form.metadata.values[std::string(kConfigKey)] = {store.side_file("config.json")};
  if (std::string text = tokenizer::published_json(store); options.tokenizer && !text.empty())
    form.metadata.values[std::string(kTokenizerKey)] = {std::move(text)};
  Value::Strings names;
  for (size_t i = 0; i < store.tensors().size(); ++i)
    names.push_back(
        form.texts.emplace_back(fmt::format("{}={}", store.tensors()[i].name, store.file_name(i))));
  form.metadata.values[std::string(kNamesKey)] = {std::move(names)};
  if (options.tokenizer)
    add_gguf_vocabulary(store, static_cast<int>(embedding->shape.front()), form);
  return form;
}

}  // namespace strata::model
