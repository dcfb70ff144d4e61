#include "model/hub/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "base/error.h"

namespace strata::model {
namespace {

constexpr size_t kNamesShown = 40;
constexpr std::string_view kDefaultQuantisation = "q4_k_m";
constexpr std::array<std::string_view, 14> kSideFiles = {
    "config.json",         "model.safetensors.index.json", "tokenizer.json",
    "tokenizer.model",     "tokenizer_config.json",        "special_tokens_map.json",
    "added_tokens.json",   "generation_config.json",       "chat_template.jinja",
    "chat_template.json",  "vocab.json",                   "merges.txt",
    "vocab.txt",           "tiktoken.model"};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_gguf(const std::string& path) { return lower(path).ends_with(".gguf"); }

/// "q4_k" is found in "x-Q4_K.gguf" and not in "x-Q4_K_M.gguf".
bool has_tag(const std::string& path, const std::string& tag) {
  const std::string name = lower(base_name(path));
  for (size_t at = name.find(tag); at != name.npos; at = name.find(tag, at + 1)) {
    const char before = at == 0 ? '-' : name[at - 1];
    const char after = at + tag.size() == name.size() ? '-' : name[at + tag.size()];
    if (std::string_view(".-_").find(before) != std::string::npos && (after == '.' || after == '-'))
      return true;
  }
  return false;
}

/// The digits of "-00002-of-00003", or npos where the name has none.
size_t part_suffix(std::string_view stem) {
  constexpr std::string_view pattern = "-00000-of-00000";
  if (stem.size() <= pattern.size()) return stem.npos;
  const std::string_view tail = stem.substr(stem.size() - pattern.size());
  for (size_t i = 0; i < pattern.size(); ++i) {
    const bool digit = tail[i] >= '0' && tail[i] <= '9';
    if (pattern[i] == '0' ? !digit : tail[i] != pattern[i]) return stem.npos;
  }
  return stem.size() - pattern.size();
}

/// What the parts of one model have in common, and share with no other: "m-of-00003".
std::string group_name(const std::string& path) {
  const std::string name = base_name(path), stem = model_stem(path);
  const std::string folder = path.substr(0, path.size() - name.size());
  constexpr size_t number = std::string_view("-00000").size();
  const bool whole = name.size() <= stem.size() + std::string_view(".gguf").size();
  return folder + stem + (whole ? "" : name.substr(stem.size() + number, 9));
}

/// GGUF models by group_name: each has one file, or its parts in order.
using Groups = std::map<std::string, std::vector<RemoteFile>>;

Groups group_gguf(const std::vector<RemoteFile>& files) {
  Groups groups;
  for (const RemoteFile& f : files) {
    // A vision projector beside the model: not a model of its own.
    if (!is_gguf(f.path) || lower(base_name(f.path)).starts_with("mmproj")) continue;
    groups[group_name(f.path)].push_back(f);
  }
  for (auto& [stem, parts] : groups)
    std::sort(parts.begin(), parts.end(), [](auto& a, auto& b) { return a.path < b.path; });
  return groups;
}

std::string names(const Groups& groups) {
  std::string text;
  size_t shown = 0;
  for (const auto& [stem, parts] : groups) {
    if (shown++ == kNamesShown) return text + ", ...";
    text += (text.empty() ? "" : ", ") + parts.front().path;
  }
  return text.empty() ? "no GGUF file" : text;
}

void check_parts(const std::vector<RemoteFile>& parts) {
  const std::string name = base_name(parts.front().path);
  const size_t suffix = part_suffix(std::string_view(name).substr(0, name.size() - 5));
  const int count = suffix == name.npos ? 1 : std::stoi(name.substr(suffix + 10, 5));
  if (static_cast<int>(parts.size()) != count)
    fail(Code::data_loss, "{}: {} of the model's {} parts are there", parts.front().path,
         parts.size(), count);
}

Chosen choose_gguf(const Groups& groups, const std::string& choice) {
  std::vector<const std::vector<RemoteFile>*> found;
  for (const auto& [stem, parts] : groups)
    for (const RemoteFile& f : parts)
      if (f.path == choice || base_name(f.path) == choice) return {.files = parts};
  const std::string tag = choice.empty() ? std::string(kDefaultQuantisation) : lower(choice);
  for (const auto& [stem, parts] : groups)
    if (has_tag(parts.front().path, tag) || (choice.empty() && groups.size() == 1))
      found.push_back(&parts);
  if (found.size() == 1) return {.files = *found.front()};
  if (choice.empty())
    fail(Code::invalid_argument, "the repository holds several models: add ':' and one of {}",
         names(groups));
  if (found.empty())
    fail(Code::not_found, "no file '{}' and none of that quantisation; there is {}", choice,
         names(groups));
  fail(Code::invalid_argument, "'{}' fits several files: name one of {}", choice, names(groups));
}

Chosen choose_folder(const std::vector<RemoteFile>& files, const Groups& groups) {
  Chosen chosen{.files = {}, .folder = true};
  bool config = false, weights = false, named_model = false;
  for (const RemoteFile& f : files) {
    if (!is_folder_file(f.path)) continue;
    config |= f.path == "config.json";
    weights |= f.path.ends_with(".safetensors");
    named_model |= f.path.starts_with("model") && f.path.ends_with(".safetensors");
    chosen.files.push_back(f);
  }
  if (!config || !weights)
    fail(Code::not_found, "the repository holds neither a GGUF file nor config.json with "
         "safetensors; there is {}", names(groups));
  // The same weights a second time, under the publisher's own names.
  if (named_model)
    std::erase_if(chosen.files, [](auto& f) { return f.path.starts_with("consolidated"); });
  return chosen;
}

}  // namespace

std::string model_stem(const std::string& file) {
  std::string stem = base_name(file);
  if (is_gguf(stem)) stem.resize(stem.size() - 5);
  if (const size_t suffix = part_suffix(stem); suffix != stem.npos) stem.resize(suffix);
  return stem;
}

bool is_folder_file(const std::string& name) {
  if (name.find('/') != name.npos) return false;
  return name.ends_with(".safetensors") || name.ends_with(".tiktoken") ||
         std::find(kSideFiles.begin(), kSideFiles.end(), name) != kSideFiles.end();
}

Chosen choose_files(const std::vector<RemoteFile>& files, const std::string& choice) {
  const Groups groups = group_gguf(files);
  Chosen chosen = choice.empty() && groups.empty() ? choose_folder(files, groups)
                                                   : choose_gguf(groups, choice);
  for (const RemoteFile& f : chosen.files)
    if (!is_safe_path(f.path))
      fail(Code::data_loss, "the repository lists a file '{}', which would leave the folder",
           f.path);
  if (!chosen.folder) check_parts(chosen.files);
  return chosen;
}

}  // namespace strata::model
