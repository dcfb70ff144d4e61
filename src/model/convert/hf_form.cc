#include "model/convert/hf_form.h"

#include <array>

#include "base/error.h"
#include "model/convert/conventions.h"
#include "model/convert/gguf_form.h"
#include "model/convert/rows.h"
#include "model/family.h"
#include "model/format/hf_config.h"
#include "model/format/hf_names.h"
#include "model/hyper_read.h"

namespace strata::model {
namespace {

using graph::StoredTensor;

constexpr std::array<std::string_view, 12> kSideFiles = {
    "config.json",       "generation_config.json",  "tokenizer.json", "tokenizer_config.json",
    "tokenizer.model",   "special_tokens_map.json", "vocab.json",     "merges.txt",
    "added_tokens.json", "chat_template.jinja",     "vocab.txt",      "modules.json"};

HfForm copy_of(const Store& store) {
  HfForm form;
  for (std::string_view name : kSideFiles)
    if (std::string text = store.side_file(name); !text.empty())
      form.files[std::string(name)] = std::move(text);
  for (size_t i = 0; i < store.tensors().size(); ++i) {
    form.tensors.push_back(store.tensors()[i]);
    form.tensors.back().name = store.file_name(i);
  }
  return form;
}

class FromGguf {
 public:
  explicit FromGguf(const Store& store) : store_(store), gguf_(read_hyper(store)) {}

  HfForm make() {
    const Metadata& m = store_.metadata();
    const bool tied = !store_.find("output.weight");
    std::string config = m.text(kConfigKey).value_or("");
    if (config.empty()) config = hf_config_text(gguf_, tied);
    hf_ = read_hyper_hf(HfConfig(config, "config.json"));
    form_.files["config.json"] = std::move(config);
    read_names();
    if (auto text = m.text(kTokenizerKey)) form_.files["tokenizer.json"] = *text;
    if (auto text = m.text("tokenizer.chat_template")) form_.files["chat_template.jinja"] = *text;
    for (const StoredTensor& t : store_.tensors())
      if (t.name != "rope_freqs.weight") add(t);
    return std::move(form_);
  }

 private:
  void add(const StoredTensor& t) {
    if (t.shape.size() == 3 && t.name.ends_with("_exps.weight") &&
        names_.contains(name_of_expert(t.name, 0))) {
      for (int64_t i = 0; i < t.shape[0]; ++i) {
        form_.tensors.push_back(from_stack(t, i));
        form_.tensors.back().name = name_of(name_of_expert(t.name, i));
      }
      return;
    }
    StoredTensor out = t;
    if (hf_.norm_offset != 0 && is_gain(t)) out = with_added(t, -hf_.norm_offset);
    else if (hf_.transposed && is_layer_matrix(t)) out = transposed(t);
    else if (hf_.position_offset > 0 && t.name == "position_embd.weight")
      out = with_zero_rows(t, hf_.position_offset);
    else if (auto order = row_order(t, hf_, gguf_.rope.interleaved))
      out = with_rows(t, inverse(*order));
    out.name = name_of(t.name);
    form_.tensors.push_back(std::move(out));
  }

  // The name that came along, else the usual one.
  std::string name_of(const std::string& ours) {
    if (const auto known = names_.find(ours); known != names_.end()) return known->second;
    std::string name = hf_file_name(ours, hf_.arch);
    if (name.empty())
      fail(Code::unimplemented, "{}: tensor '{}' has no name in Hugging Face's files of {} models",
           store_.path(), ours, hf_.arch);
    return name;
  }

  void read_names() {
    const Value::Strings* pairs = store_.metadata().strings(kNamesKey);
    if (!pairs) return;
    for (std::string_view pair : *pairs)
      if (const size_t equals = pair.find('='); equals != pair.npos)
        names_.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }

  const Store& store_;
  Hyper gguf_, hf_;
  std::map<std::string, std::string> names_;  // ours, the file's
  HfForm form_;
};

}  // namespace

HfForm hf_form(const Store& store) {
  return store.format() == "hf" ? copy_of(store) : FromGguf(store).make();
}

}  // namespace strata::model
