#include "main/tuning_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"
#include "base/topology.h"
#include "kernel/level.h"

namespace strata {
namespace {

constexpr std::uintmax_t max_file_bytes = 1 << 20;

std::string environment(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}

// Null when there is no file or none that can be understood.
nlohmann::json read(const std::string& path) {
  std::error_code none;
  if (path.empty() || !std::filesystem::is_regular_file(path, none)) return nullptr;
  nlohmann::json json = nlohmann::json::value_t::discarded;
  if (std::filesystem::file_size(path, none) <= max_file_bytes) {
    std::ifstream file(path);
    json = nlohmann::json::parse(file, nullptr, false);
  }
  if (json.is_object()) return json;
  log::warn("'{}' is no table of tunings and is not used; run strata tune kernels again", path);
  return nullptr;
}

}  // namespace

std::string tuning_path() {
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty())
    return cache + "/strata/tuning.json";
  const std::string home = environment("HOME");
  return home.empty() ? "" : home + "/.cache/strata/tuning.json";
}

std::string tuning_key() {
  const Topology& machine = topology();
  return fmt::format("{}, {} cores, {}", machine.model, default_threads(machine),
                     kernel::isa_name(kernel::isa_level()));
}

std::optional<Tuning> load_tuning(const std::string& path, const std::string& key) {
  const nlohmann::json json = read(path);
  if (!json.is_object() || !json.contains(key)) return std::nullopt;
  const nlohmann::json& stored = json[key];
  Tuning tuning;
  for (const TuningChoice& c : tuning_choices()) {
    if (!stored.is_object() || !stored.contains(c.name)) continue;
    const nlohmann::json& value = stored[std::string(c.name)];
    const auto number = value.is_number_integer() ? value.get<int64_t>() : int64_t{c.most} + 1;
    if (number < c.least || number > c.most) {
      log::warn("'{}': {} of '{}' is not from {} to {}; the tuning is not used", path, c.name, key,
                c.least, c.most);
      return std::nullopt;
    }
    tuning.*c.member = static_cast<int>(number);
  }
  return tuning;
}

void save_tuning(const std::string& path, const std::string& key, const Tuning& tuning) {
  nlohmann::json json = read(path);
  if (!json.is_object()) json = nlohmann::json::object();
  for (const TuningChoice& c : tuning_choices())
    json[key][std::string(c.name)] = tuning.*c.member;
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), failed);
  const std::string partial = path + ".partial";
  {
    std::ofstream file(partial);
    file << json.dump(2) << '\n';
    if (!file) fail(Code::permission_denied, "cannot write '{}'", partial);
  }
  std::filesystem::rename(partial, path, failed);
  if (failed) fail(Code::permission_denied, "cannot write '{}': {}", path, failed.message());
}

void use_stored_tuning() {
  if (environment("STRATA_TUNING") == "off") return;
  if (const auto stored = load_tuning(tuning_path(), tuning_key())) set_tuning(*stored);
}

}  // namespace strata
