#include "model/convert/gguf_form.h"

#include <cstring>
#include <filesystem>

#include "base/error.h"

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

}  // namespace

GgufForm gguf_form(const Store& store, const GgufFormOptions& options) {
  if (store.format() == "gguf") return copy_of(store);
  const Hyper hyper = read_hyper(store);
  const graph::StoredTensor* embedding = store.find("token_embd.weight");
  if (!embedding) fail(Code::data_loss, "{}: has no token embedding", store.path());
  GgufSettings settings = gguf_settings(hyper, embedding->shape.front());
  GgufForm form{.metadata = std::move(settings.metadata)};
  form.metadata.values.try_emplace("general.name", Value{folder_name(store.path())});
  form.metadata.values[std::string(kConfigKey)] = {store.side_file("config.json")};
  if (std::string text = store.side_file("tokenizer.json"); options.tokenizer && !text.empty())
    form.metadata.values[std::string(kTokenizerKey)] = {std::move(text)};
  form.tensors = gguf_tensors(store, hyper);
  Value::Strings names;
  for (size_t i = 0; i < store.tensors().size(); ++i)
    names.push_back(
        form.texts.emplace_back(fmt::format("{}={}", store.tensors()[i].name, store.file_name(i))));
  form.metadata.values[std::string(kNamesKey)] = {std::move(names)};
  if (!settings.rope_freqs.empty())
    form.tensors.push_back(vector_tensor("rope_freqs.weight", std::move(settings.rope_freqs)));
  if (options.tokenizer)
    add_gguf_vocabulary(store, static_cast<int>(embedding->shape.front()), form);
  return form;
}

}  // namespace strata::model
