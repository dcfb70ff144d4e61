#include "model/model.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "model/arch.h"
#include "model/side_files.h"
#include "model/tokenizer/files.h"

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

std::optional<Pooling> gguf_pooling(const Model& model) {
  static constexpr Pooling kinds[] = {Pooling::none, Pooling::mean, Pooling::first, Pooling::last,
                                      Pooling::rank};
  const auto kind = model.store->metadata().integer(model.hyper.arch + ".pooling_type");
  if (!kind || *kind < 1 || *kind >= std::ssize(kinds)) return std::nullopt;
  return kinds[*kind];
}

std::optional<Pooling> hf_pooling(const Store& store) {
  const std::string text = store.side_file("1_Pooling/config.json");
  if (text.empty()) return std::nullopt;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto set = [&](const char* key) {
    return json.contains(key) && json[key].is_boolean() && json[key].get<bool>();
  };
  if (set("pooling_mode_cls_token")) return Pooling::first;
  if (set("pooling_mode_lasttoken")) return Pooling::last;
  if (set("pooling_mode_mean_tokens")) return Pooling::mean;
  fail(Code::unimplemented, "{}: 1_Pooling/config.json: pooling by mean, cls or last token alone",
       store.path());
}

}  // namespace

bool has_tokenizer(const Store& store) {
  return store.metadata().has("tokenizer.ggml.model") || !tokenizer::tokenizer_file(store).empty();
}

std::string chat_template_text(const Store& store) {
  return store.format() == "gguf" ? store.metadata().text("tokenizer.chat_template").value_or("")
                                  : hf_template(store);
}

Pooling default_pooling(const Model& model) {
  const bool gguf = model.store->format() == "gguf";
  if (const auto said = gguf ? gguf_pooling(model) : hf_pooling(*model.store)) return *said;
  if (model.weights->find("cls.output.weight")) return Pooling::rank;
  return model.hyper.causal ? Pooling::last : Pooling::mean;
}

int text_limit(const Model& model) {
  const std::string text = model.store->side_file("sentence_bert_config.json");
  if (text.empty()) return 0;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("max_seq_length")) return 0;
  const auto& limit = json["max_seq_length"];
  if (!limit.is_number_integer() || limit < 1 || limit > hyper_max::kContext) return 0;
  return limit.get<int>();
}

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
  model->weights = std::make_unique<Weights>(*model->store, model->hyper);
  if (has_tokenizer(*model->store)) model->tokenizer = make_tokenizer(*model->store);
  if (std::string source = chat_template_text(*model->store); !source.empty()) {
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
