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
#include "model/tokenizer/files.h"

namespace strata::model {
namespace {

using graph::StoredTensor;

constexpr std::array<std::string_view, 13> kSideFiles = {
    "config.json",       "generation_config.json",  "tokenizer.json", "tokenizer_config.json",
    "tokenizer.model",   "special_tokens_map.json", "vocab.json",     "merges.txt",
    "added_tokens.json", "chat_template.jinja",     "vocab.txt",      "modules.json",
    "tiktoken.model"};

HfForm copy_of(const Store& store) {
  HfForm form;
  for (std::string_view name : kSideFiles)
    if (std::string text = store.side_file(name); !text.empty())
      form.files[std::string(name)] = std::move(text);
  for (const std::string& name : tokenizer::rank_files(store))
    form.files[name] = store.side_file(name);
  for (size_t i = 0; i < store.tensors().size(); ++i) {
    form.tensors.push_back(as_in_file(store.tensors()[i], store.file_name(i)));
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
    if (auto text = m.text(kTokenizerKey)) form_.files["tokenizer.json"] = *text;
    if (auto text = m.text("tokenizer.chat_template")) form_.files["chat_template.jinja"] = *text;
    read_names();
    const Conventions conventions(hf_, gguf_, store_);
    for (const auto& [ours, file] : names_) {
      const auto made = tensor(ours, conventions);
      // A head beside the embedding that it is tied to was left out.
      if (!made && ours == file) continue;
      if (!made) fail(Code::data_loss, "{}: has no '{}'", store_.path(), ours);
      form_.tensors.push_back(as_in_file(*made, file));
      form_.tensors.back().name = file;
    }
    return std::move(form_);
  }

 private:
  /// A tensor of the Hugging Face folder by our name; nothing if it cannot be made of this file's.
  std::optional<StoredTensor> tensor(const std::string& ours, const Conventions& c) const {
    std::optional<StoredTensor> made;
    if (is_carried(store_.metadata())) {
      if (const StoredTensor* t = store_.find(ours)) made = *t;
    } else if (const auto parts = parts_of(ours, c); !parts.empty()) {
      made = whole(ours, parts, c);
    } else if (const auto place = in_stack(ours); place && !store_.find(ours)) {
      const StoredTensor* stack = store_.find(place->stack);
      if (stack && place->number < stack->shape[0]) made = from_stack(*stack, place->number);
    } else if (const auto pair = alternating_parts(ours); pair && !store_.find(ours)) {
      const StoredTensor *gate = store_.find(pair->gate), *up = store_.find(pair->up);
      if (gate && up && gate->shape == up->shape) made = alternating(*gate, *up);
    } else if (const StoredTensor* t = store_.find(ours)) {
      const bool turned = hf_.turned_experts && ours.ends_with("ffn_down_exps.weight") &&
                          names_.contains(alternating_name(ours));
      made = turned ? transposed(*t) : to_hf(*t, c);
    }
    if (made) made->name = ours;
    return made;
  }

  static std::string alternating_name(std::string ours) {
    constexpr std::string_view kDown = "ffn_down_exps";
    return ours.replace(ours.find(kDown), kDown.size(), "ffn_gate_up_exps");
  }

  std::optional<StoredTensor> whole(const std::string& ours, const std::vector<Part>& parts,
                                    const Conventions& c) const {
    std::vector<StoredTensor> found;
    std::vector<int64_t> rows;
    for (const Part& p : parts) {
      const StoredTensor* t = store_.find(p.name);
      if (!t) return std::nullopt;
      found.push_back(p.turned ? transposed(*t) : to_hf(*t, c));
      if (found.back().shape != p.shape)
        fail(Code::data_loss, "{}: '{}' has another shape than the settings say", store_.path(),
             p.name);
      rows.insert(rows.end(), p.rows.begin(), p.rows.end());
    }
    StoredTensor all = with_rows(joined(found), inverse(rows));
    // Experts stay a stack; heads do not.
    const int64_t n = parts.front().shape.front();
    if (alternating_parts(ours)) all.shape = {n, all.shape.front() / n, all.cols()};
    return all;
  }

  std::string usual_name(const std::string& ours) const {
    std::string name = hf_file_name(ours, hf_.arch);
    if (name.empty())
      fail(Code::unimplemented, "{}: tensor '{}' has no name in Hugging Face's files of {} models",
           store_.path(), ours, hf_.arch);
    return name;
  }

  void read_names() {
    const Value::Strings* pairs = store_.metadata().strings(kNamesKey);
    if (!pairs) {
      for (const StoredTensor& t : store_.tensors())
        if (!t.name.starts_with("rope_f")) names_.emplace(t.name, usual_name(t.name));
      return;
    }
    for (std::string_view pair : *pairs)
      if (const size_t equals = pair.find('='); equals != pair.npos)
        names_.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }

  const Store& store_;
  Hyper gguf_, hf_;
  std::map<std::string, std::string> names_;  // of the folder's tensors: ours, the file's
  HfForm form_;
};

}  // namespace

HfForm hf_form(const Store& store) {
  return store.format() == "hf" ? copy_of(store) : FromGguf(store).make();
}

}  // namespace strata::model
