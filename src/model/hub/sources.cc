// The hubs that are known. Each serves a listing with sizes and checksums, and files in ranges.
#include <nlohmann/json.hpp>

#include "model/hub/hub.h"

namespace strata::model {
namespace {

using nlohmann::json;

/// Only files kept outside git ("lfs") come with a SHA-256: the plain "oid" is git's own hash.
std::vector<RemoteFile> hugging_face_files(const json& page) {
  std::vector<RemoteFile> files;
  for (const json& entry : page) {
    if (entry.at("type") != "file") continue;
    RemoteFile file{.path = entry.at("path"), .bytes = entry.at("size"), .sha256 = {}};
    if (entry.contains("lfs") && entry["lfs"].is_object()) {
      file.bytes = entry["lfs"].at("size");
      file.sha256 = entry["lfs"].at("oid");
    }
    files.push_back(std::move(file));
  }
  return files;
}

std::vector<RemoteFile> model_scope_files(const json& page) {
  std::vector<RemoteFile> files;
  for (const json& entry : page.at("Data").at("Files")) {
    if (entry.value("Type", "blob") == "tree") continue;
    files.push_back({.path = entry.at("Path"),
                     .bytes = entry.at("Size"),
                     .sha256 = entry.value("Sha256", "")});
  }
  return files;
}

constexpr Hub hubs[] = {
    {.name = "hf",
     .endpoint = "https://huggingface.co",
     .endpoint_env = "HF_ENDPOINT",
     .token_env = "HF_TOKEN",
     .list_path = "/api/models/{owner}/{name}/tree/main?recursive=true",
     .file_path = "/{owner}/{name}/resolve/main/{file}",
     .files = hugging_face_files},
    {.name = "ms",
     .endpoint = "https://modelscope.cn",
     .endpoint_env = "MS_ENDPOINT",
     .token_env = "MS_TOKEN",
     .list_path = "/api/v1/models/{owner}/{name}/repo/files?Revision=master&Recursive=true",
     .file_path = "/models/{owner}/{name}/resolve/master/{file}",
     .files = model_scope_files},
};

}  // namespace

const Hub* find_hub(std::string_view name) {
  for (const Hub& hub : hubs)
    if (hub.name == name) return &hub;
  return nullptr;
}

std::string hub_names() {
  std::string names;
  for (const Hub& hub : hubs) names += (names.empty() ? "" : ", ") + std::string(hub.name);
  return names;
}

}  // namespace strata::model
