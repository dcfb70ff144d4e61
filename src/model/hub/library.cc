#include "model/hub/library.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "model/hub/choose.h"

namespace strata::model {
namespace fs = std::filesystem;
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

int64_t size_of(const fs::directory_entry& entry) {
  std::error_code ignored;
  if (!entry.is_directory(ignored)) return static_cast<int64_t>(entry.file_size(ignored));
  int64_t total = 0;
  for (const auto& file : fs::recursive_directory_iterator(entry.path(), ignored))
    if (file.is_regular_file(ignored)) total += static_cast<int64_t>(file.file_size(ignored));
  return total;
}

bool is_model(const fs::directory_entry& entry) {
  std::error_code ignored;
  if (entry.path().extension() == ".part") return false;   // still being fetched
  if (entry.is_directory(ignored)) return fs::exists(entry.path() / "config.json", ignored);
  return entry.path().extension() == ".gguf";
}

// The files of a split GGUF after the first are parts, not models.
bool is_later_part(const std::string& stem) {
  const size_t of = stem.rfind("-of-");
  return of != std::string::npos && of >= 6 && stem.compare(of - 6, 6, "-00001") != 0 &&
         stem[of - 6] == '-';
}

/// The folder, the file, or all parts of a split file.
std::vector<fs::path> files_of(const LibraryEntry& entry) {
  const std::string stem = model_stem(fs::path(entry.path).filename().string());
  if (fs::path(entry.path).extension() != ".gguf" || stem == entry.name) return {entry.path};
  const std::string of = entry.name.substr(entry.name.rfind("-of-"));
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(library_folder(), ignored))
    if (file.path().extension() == ".gguf" && model_stem(file.path().filename().string()) == stem &&
        file.path().stem().string().ends_with(of))
      files.push_back(file.path());
  return files;
}

}  // namespace

std::string library_folder() {
  if (const char* home = std::getenv("STRATA_HOME"); home && *home)
    return (fs::path(home) / "models").string();
  const char* user = std::getenv("HOME");
  return (fs::path(user && *user ? user : ".") / ".strata" / "models").string();
}

std::vector<LibraryEntry> library() {
  std::vector<LibraryEntry> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(library_folder(), error)) {
    if (!is_model(entry)) continue;
    const std::string name = entry.path().extension() == ".gguf"
                                 ? entry.path().stem().string()
                                 : entry.path().filename().string();
    if (is_later_part(name)) continue;
    std::error_code ignored;
    const auto age = fs::file_time_type::clock::now() - entry.last_write_time(ignored);
    const auto modified = std::chrono::system_clock::now() -
                          std::chrono::duration_cast<std::chrono::seconds>(age);
    found.push_back({.name = name,
                     .path = entry.path().string(),
                     .bytes = size_of(entry),
                     .modified_s = std::chrono::system_clock::to_time_t(
                         std::chrono::time_point_cast<std::chrono::system_clock::duration>(
                             modified))});
  }
  std::sort(found.begin(), found.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return found;
}

std::string find_model(const std::string& name) {
  std::error_code ignored;
  if (name.empty()) fail(Code::invalid_argument, "no model given");
  if (fs::exists(name, ignored)) return name;
  const std::vector<LibraryEntry> entries = library();
  std::vector<const LibraryEntry*> exact, same, prefix;
  for (const LibraryEntry& e : entries) {
    if (e.name == name || e.name + ".gguf" == name) exact.push_back(&e);
    else if (lower(e.name) == lower(name)) same.push_back(&e);
    else if (lower(e.name).starts_with(lower(name))) prefix.push_back(&e);
  }
  for (const auto* matches : {&exact, &same, &prefix}) {
    if (matches->size() == 1) return matches->front()->path;
    if (matches->size() > 1) {
      std::string names;
      for (const LibraryEntry* e : *matches) names += (names.empty() ? "" : ", ") + e->name;
      fail(Code::invalid_argument, "'{}' could be {}: write more of the name", name, names);
    }
  }
  std::string have;
  for (const LibraryEntry& e : entries) have += (have.empty() ? "" : ", ") + e.name;
  fail(Code::not_found,
       "no model '{}': it is neither a path nor in {} (which holds: {}); `strata pull` fetches one",
       name, library_folder(), have.empty() ? "nothing" : have);
}

int64_t remove_model(const std::string& name) {
  for (const LibraryEntry& e : library()) {
    if (e.name != name && e.name + ".gguf" != name) continue;
    int64_t bytes = 0;
    for (const fs::path& path : files_of(e)) {
      bytes += size_of(fs::directory_entry(path));
      std::error_code error;
      fs::remove_all(path, error);
      if (error) fail(Code::permission_denied, "{}: {}", path.string(), error.message());
    }
    return bytes;
  }
  fail(Code::not_found, "no model '{}' in {}: give the whole name, `strata list` shows it", name,
       library_folder());
}

}  // namespace strata::model
