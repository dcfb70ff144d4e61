#include "main/fleet_specs.h"

#include <algorithm>
#include <filesystem>

#include "base/arena.h"
#include "model/hub/library.h"

namespace strata {
namespace {

constexpr double share_of_free = 0.9;   // what models may use if nothing is said
constexpr int most_at_once = 4;         // models that the KV caches leave room for

std::string name_of(const std::string& path) {
  const std::filesystem::path p(path);
  return p.extension() == ".gguf" ? p.stem().string() : p.filename().string();
}

/// "NAME=MODEL" in its parts; a path that has a '=' and exists is a path.
fleet::ModelSpec parse_spec(const std::string& text) {
  const size_t sign = text.find('=');
  const bool named = sign != text.npos && sign > 0 && !std::filesystem::exists(text);
  fleet::ModelSpec spec;
  spec.path = model::find_model(named ? text.substr(sign + 1) : text);
  spec.names.push_back(named ? text.substr(0, sign) : name_of(spec.path));
  spec.aliases = fleet::aliases_of(spec.path);
  if (!named) spec.aliases.push_back(text);
  return spec;
}

std::vector<fleet::ModelSpec> library_specs() {
  std::vector<fleet::ModelSpec> specs;
  for (const model::LibraryEntry& entry : model::library())
    specs.push_back({.names = {entry.name}, .path = entry.path});
  return specs;
}

bool uses_library(const ServingOptions& o) {
  return o.library || (o.models.empty() && o.entries.empty());
}

bool is_alone(const ServingOptions& o) {
  return o.models.size() + o.entries.size() == 1 && !o.library;
}

fleet::ModelSpec spec_of(const ModelEntry& entry) {
  if (entry.model.empty())
    fail(Code::invalid_argument, "[[models]] '{}' needs 'model': a path or a pulled model's name",
         entry.name);
  fleet::ModelSpec spec = parse_spec(entry.model);
  if (!entry.name.empty()) spec.names = {entry.name};
  spec.names.insert(spec.names.end(), entry.aliases.begin(), entry.aliases.end());
  spec.pinned = entry.pin;
  spec.keep_alive_s = entry.keep_alive_s;
  return spec;
}

void apply(fleet::ModelSpec& spec, const ModelEntry& entry) {
  if (entry.task != fleet::Task::automatic) spec.task = entry.task;
  if (entry.max_model_len > 0) spec.engine.max_model_len = entry.max_model_len;
  if (entry.max_num_seqs > 0) spec.engine.max_num_seqs = entry.max_num_seqs;
  if (entry.kv_bytes > 0) spec.engine.kv_bytes = entry.kv_bytes;
  if (!entry.kv_cache_dtype.empty()) spec.engine.kv_cache_dtype = entry.kv_cache_dtype;
}

void pin(std::vector<fleet::ModelSpec>& specs, const std::string& name) {
  const auto found = std::find_if(specs.begin(), specs.end(), [&](const fleet::ModelSpec& spec) {
    return std::find(spec.names.begin(), spec.names.end(), name) != spec.names.end();
  });
  if (found == specs.end()) fail(Code::not_found, "--pin {}: no model has this name", name);
  found->pinned = true;
}

/// What is said of all models: task and engine.
void complete(fleet::ModelSpec& spec, const ServingOptions& o) {
  spec.task = o.task;
  spec.engine = o.engine;
  spec.dialect = o.dialect;
}

/// Several models share the memory, so that none may take all of it for its cache.
ServingOptions shared(ServingOptions o) {
  if (is_alone(o)) return o;
  if (!o.engine.draft_model.empty())
    fail(Code::invalid_argument, "--draft-model drafts for one model: serve that one alone");
  if (o.fleet.memory_bytes == 0)
    o.fleet.memory_bytes =
        static_cast<size_t>(static_cast<double>(memory_available()) * share_of_free);
  const int n = uses_library(o) ? most_at_once
                                : static_cast<int>(o.models.size() + o.entries.size());
  o.engine.memory_bytes = o.fleet.memory_bytes;
  o.engine.kv_share /= std::min(n, most_at_once);
  return o;
}

}  // namespace

std::vector<fleet::ModelSpec> make_specs(const ServingOptions& o) {
  std::vector<fleet::ModelSpec> specs;
  for (const std::string& text : o.models) specs.push_back(parse_spec(text));
  for (const ModelEntry& entry : o.entries) specs.push_back(spec_of(entry));
  if (uses_library(o))
    for (fleet::ModelSpec& spec : library_specs()) {
      const auto same = [&](const fleet::ModelSpec& s) { return s.name() == spec.name(); };
      if (std::none_of(specs.begin(), specs.end(), same)) specs.push_back(std::move(spec));
    }
  if (!o.served_names.empty() && !specs.empty()) {
    specs.front().aliases.push_back(specs.front().name());
    specs.front().names = o.served_names;
  }
  if (is_alone(o)) specs.front().pinned = true;
  for (const std::string& name : o.pinned) pin(specs, name);
  for (fleet::ModelSpec& spec : specs) complete(spec, o);
  for (size_t i = 0; i < o.entries.size(); ++i) apply(specs[o.models.size() + i], o.entries[i]);
  return specs;
}

std::unique_ptr<fleet::Fleet> make_fleet(const ServingOptions& given) {
  const ServingOptions o = shared(given);
  fleet::check_names(o.dialect);
  fleet::FleetOptions options = o.fleet;
  if (uses_library(o))
    options.discover = [o] {
      std::vector<fleet::ModelSpec> specs = library_specs();
      for (fleet::ModelSpec& spec : specs) complete(spec, o);
      return specs;
    };
  return std::make_unique<fleet::Fleet>(make_specs(o), fleet::open_model, std::move(options));
}

}  // namespace strata
