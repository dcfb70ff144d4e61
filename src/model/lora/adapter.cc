#include "model/lora/adapter.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/mapped_file.h"
#include "model/format/byte_reader.h"
#include "model/format/weight_file.h"

namespace strata::model {
namespace {

namespace fs = std::filesystem;
using graph::StoredTensor;
using nlohmann::json;

/// Halves as they are found, by the name of their matrix.
class Halves {
 public:
  explicit Halves(std::string path) : path_(std::move(path)) {}

  void add(const std::string& name, bool first, StoredTensor tensor) {
    auto& half = first ? pairs_[name].first : pairs_[name].second;
    if (half) fail(Code::data_loss, "{}: '{}' is there twice", path_, printable(name));
    half = std::move(tensor);
  }

  /// `scale_of(rank)`.
  template <class F>
  std::vector<LowRank> join(F&& scale_of) {
    std::vector<LowRank> all;
    for (auto& [name, pair] : pairs_) {
      auto& [a, b] = pair;
      if (!a || !b)
        fail(Code::data_loss, "{}: '{}' has one matrix of the two of a LoRA", path_,
             printable(name));
      const int64_t rank = a->shape.front();
      if (a->shape.size() != 2 || b->shape.size() != 2 || b->shape[1] != rank || rank < 1 ||
          rank > lora_max::kRank)
        fail(Code::data_loss, "{}: the two matrices of '{}' do not make a product", path_,
             printable(name));
      all.push_back({.name = name,
                     .a = std::move(*a),
                     .b = std::move(*b),
                     .scale = scale_of(static_cast<double>(rank))});
    }
    if (all.empty()) fail(Code::data_loss, "{}: holds no LoRA matrices", path_);
    return all;
  }

 private:
  std::string path_;
  std::map<std::string, std::pair<std::optional<StoredTensor>, std::optional<StoredTensor>>> pairs_;
};

class PeftAdapter final : public Adapter {
 public:
  explicit PeftAdapter(const std::string& folder) : path_(folder) {
    const Settings settings = read_settings();
    Halves halves(path_);
    for (FoundTensor& found : read_tensors()) {
      const auto [name, first] = target(found.tensor.name);
      if (!found.unsupported_type.empty())
        fail(Code::unimplemented, "{}: '{}' has type {}; f32, f16 and bf16 are known", path_,
             printable(found.tensor.name), found.element());
      halves.add(name, first, std::move(found.tensor));
    }
    changes_ = halves.join([&](double rank) {
      return settings.alpha / (settings.rank_stabilised ? std::sqrt(rank) : rank);
    });
  }

  const std::string& path() const override { return path_; }
  bool in_gguf() const override { return false; }
  std::span<const LowRank> changes() const override { return changes_; }

 private:
  struct Settings {
    double alpha = 8;
    bool rank_stabilised = false;   // arXiv:2312.03732
  };

  Settings read_settings() const {
    const std::string file = path_ + "/adapter_config.json";
    std::ifstream in(file, std::ios::binary);
    if (!in) fail(Code::not_found, "{}: no adapter_config.json in this folder", path_);
    std::string text(lora_max::kConfigBytes + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(in.gcount()));
    if (text.size() > lora_max::kConfigBytes)
      fail(Code::too_large, "{}: over the limit of {} bytes", file, lora_max::kConfigBytes);
    const json config = json::parse(text, nullptr, false);
    if (!config.is_object()) fail(Code::data_loss, "{}: no JSON object", file);
    const auto is_set = [&](const char* key) {
      return config.contains(key) && !config[key].is_null() && config[key] != false &&
             !(config[key].is_structured() && config[key].empty());
    };
    for (const char* key : {"use_dora", "modules_to_save", "alpha_pattern", "lora_bias",
                            "trainable_token_indices", "megatron_config"})
      if (is_set(key))
        fail(Code::unimplemented, "{}: '{}' is more than a product of two matrices", file, key);
    if (config.contains("bias") && config["bias"] != "none")
      fail(Code::unimplemented, "{}: trained biases ('bias') are not supported", file);
    if (config.contains("peft_type") && config["peft_type"] != "LORA")
      fail(Code::unimplemented, "{}: 'peft_type' is {}; LORA is supported", file,
           printable(config["peft_type"].dump()));
    Settings s{.rank_stabilised = is_set("use_rslora")};
    if (!config.contains("lora_alpha") || !config["lora_alpha"].is_number())
      fail(Code::data_loss, "{}: 'lora_alpha' is no number", file);
    s.alpha = config["lora_alpha"].get<double>();
    if (!std::isfinite(s.alpha)) fail(Code::data_loss, "{}: 'lora_alpha' is not finite", file);
    return s;
  }

  std::vector<FoundTensor> read_tensors() {
    for (const char* name : {"adapter_model.safetensors", "adapter_model.bin"}) {
      const std::string file = path_ + "/" + name;
      std::error_code ignored;
      if (!fs::exists(file, ignored)) continue;
      return weight_format_of(name)->read(file, [this](const std::string& path) {
        return files_.emplace_back(path).bytes();
      });
    }
    fail(Code::not_found, "{}: no adapter_model.safetensors in this folder", path_);
  }

  /// "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": the matrix, and is it the first.
  std::pair<std::string, bool> target(std::string_view name) const {
    constexpr std::string_view kPrefix = "base_model.model.";
    const std::string_view whole = name;
    if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
    for (const bool first : {true, false}) {
      const std::string_view mark = first ? ".lora_A." : ".lora_B.";
      const size_t at = name.find(mark);
      const std::string_view after = at == name.npos ? "" : name.substr(at + mark.size());
      if (after == "weight" || after.ends_with(".weight"))
        return {std::string(name.substr(0, at)) + ".weight", first};
    }
    fail(Code::unimplemented, "{}: '{}' is no half of a LoRA of a linear layer", path_,
         printable(whole));
  }

  std::string path_;
  std::deque<MappedFile> files_;
  std::vector<LowRank> changes_;
};

class GgufAdapter final : public Adapter {
 public:
  explicit GgufAdapter(const std::string& file) : store_(open_store(file)) {
    const Metadata& m = store_->metadata();
    if (m.text("general.type").value_or("") != "adapter" ||
        m.text("adapter.type").value_or("") != "lora")
      fail(Code::invalid_argument, "{}: no LoRA adapter (general.type, adapter.type)", file);
    const auto alpha = m.real("adapter.lora.alpha");
    if (!alpha || !std::isfinite(*alpha))
      fail(Code::data_loss, "{}: metadata key 'adapter.lora.alpha' is missing", file);
    Halves halves(file);
    for (const StoredTensor& t : store_->tensors()) {
      const bool first = t.name.ends_with(".lora_a");
      if (!first && !t.name.ends_with(".lora_b"))
        fail(Code::unimplemented, "{}: '{}' is no half of a LoRA", file, printable(t.name));
      halves.add(t.name.substr(0, t.name.size() - 7), first, t);
    }
    changes_ = halves.join([&](double rank) { return *alpha / rank; });
  }

  const std::string& path() const override { return store_->path(); }
  bool in_gguf() const override { return true; }
  std::span<const LowRank> changes() const override { return changes_; }

 private:
  std::unique_ptr<Store> store_;
  std::vector<LowRank> changes_;
};

}  // namespace

std::unique_ptr<Adapter> open_adapter(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) fail(Code::not_found, "{}: no such file or folder", path);
  if (fs::is_directory(path, error)) return std::make_unique<PeftAdapter>(path);
  return std::make_unique<GgufAdapter>(path);
}

}  // namespace strata::model
