#include "model/model.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "model/arch.h"

namespace strata::model {
namespace {

// The template of an HF folder: chat_template.jinja, or the field of tokenizer_config.json, which
// is text or a list of named templates.
std::string hf_template(const Store& store) {
  if (std::string text = store.side_file("chat_template.jinja"); !text.empty()) return text;
  const std::string config = store.side_file("tokenizer_config.json");
  if (config.empty()) return {};
  const auto json = nlohmann::json::parse(config, nullptr, false);
  if (!json.is_object() || !json.contains("chat_template")) return {};
  const auto& field = json["chat_template"];
  if (field.is_string()) return field.get<std::string>();
  if (!field.is_array()) return {};
  for (const auto& entry : field) {
    if (entry.is_object() && entry.value("name", "") == "default" && entry.contains("template") &&
        entry["template"].is_string())
      return entry["template"].get<std::string>();
  }
  return {};
}

bool has_tokenizer(const Store& store) {
  return store.metadata().has("tokenizer.ggml.model") || !store.side_file("tokenizer.json").empty();
}

}  // namespace

std::shared_ptr<Model> load(const std::string& path) {
  auto model = std::make_shared<Model>();
  model->path = path;
  const std::filesystem::path file(path);
  const std::filesystem::path named = file.filename().empty() ? file.parent_path() : file;
  model->name = named.extension() == ".gguf" ? named.stem().string() : named.filename().string();
  model->store = open_store(path);
  model->hyper = read_hyper(*model->store);
  model->arch = Registry<Arch>::find(model->hyper.arch);
  if (!model->arch) {
    fail(Code::unimplemented, "{}: architecture '{}' is not supported; supported are {}", path,
         model->hyper.arch, arch_names());
  }
  if (has_tokenizer(*model->store)) model->tokenizer = make_tokenizer(*model->store);
  std::string source = model->store->format() == "gguf"
                           ? model->store->metadata().text("tokenizer.chat_template").value_or("")
                           : hf_template(*model->store);
  if (!source.empty()) {
    try {
      model->chat_template.emplace(std::move(source));
    } catch (const Error& e) {
      log::warn("{}: the chat template does not compile, chat is off for this model: {}", path,
                e.what());
    }
  }
  return model;
}

}  // namespace strata::model
