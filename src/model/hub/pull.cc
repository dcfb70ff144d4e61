#include "model/hub/pull.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "base/error.h"
#include "model/hub/choose.h"
#include "model/hub/hub.h"
#include "model/hub/library.h"
#include "model/hub/source.h"
#include "net/client.h"
#include "net/percent.h"

namespace strata::model {
namespace fs = std::filesystem;
namespace {

/// One file to bring: from an address or from this machine.
struct Item {
  std::string from, file;   // file: name in the library, or in the model's folder
  int64_t bytes = -1;
  std::string sha256 = {};
};

struct Plan {
  std::string name = {};
  std::vector<Item> items = {};
  bool folder = false, local = false;
  net::Headers headers = {};
};

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

/// NAME.gguf, or NAME-00001-of-00003.gguf for a part.
std::string named_file(const std::string& file, const std::string& name) {
  return name + file.substr(model_stem(file).size());
}

void name_items(Plan& plan, const std::string& wanted) {
  if (!wanted.empty()) plan.name = wanted;
  if (!is_plain_name(plan.name))
    fail(Code::invalid_argument,
         "'{}' cannot be a model's name: use letters, digits, '.', '-' and '_' (--name)",
         plan.name);
  if (plan.folder) return;
  for (Item& item : plan.items) item.file = named_file(item.file, plan.name);
}

Plan plan_hub(const PullSource& source) {
  const Hub& hub = *find_hub(source.hub);
  Plan plan{.headers = hub_headers(hub)};
  const Chosen chosen = choose_files(list_files(hub, source), source.choice);
  plan.folder = chosen.folder;
  plan.name = chosen.folder ? source.name : model_stem(chosen.files.front().path);
  for (const RemoteFile& f : chosen.files)
    plan.items.push_back({file_url(hub, source, f.path), file_name(f.path), f.bytes, f.sha256});
  return plan;
}

Plan plan_url(const std::string& url) {
  const std::string target = net::parse_url(url).target;
  const std::string path = target.substr(0, target.find('?'));
  const std::string file = net::percent_decode(path.substr(path.rfind('/') + 1)).value_or("");
  if (!is_safe_path(file) || file.find('/') != file.npos || fs::path(file).extension() != ".gguf")
    fail(Code::invalid_argument, "{}: an address must end in the name of a .gguf file", url);
  return {.name = model_stem(file), .items = {{.from = url, .file = file}}};
}

Plan plan_local(const std::string& location) {
  const fs::path path = fs::canonical(location);
  Plan plan{.local = true};
  std::vector<RemoteFile> files;
  const fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file())
      files.push_back({.path = file_name(entry.path()),
                       .bytes = static_cast<int64_t>(entry.file_size())});
  const std::string choice = fs::is_directory(path) ? "" : file_name(path);
  const Chosen chosen = choose_files(files, choice);
  plan.folder = chosen.folder;
  plan.name = chosen.folder ? file_name(path) : model_stem(chosen.files.front().path);
  for (const RemoteFile& f : chosen.files)
    plan.items.push_back({(folder / f.path).string(), f.path, f.bytes, {}});
  return plan;
}

Plan make_plan(const std::string& text) {
  const PullSource source = parse_source(text);
  switch (source.kind) {
    case PullSource::Kind::hub: return plan_hub(source);
    case PullSource::Kind::url: return plan_url(source.location);
    case PullSource::Kind::local: return plan_local(source.location);
  }
  return {};
}

void bring_local(const Item& item, const fs::path& to) {
  const fs::path part = to.string() + ".part";
  fs::remove(part);
  std::error_code no_link;
  fs::create_hard_link(item.from, part, no_link);
  if (no_link) {
    need_disk_space(to.parent_path().string(), item.bytes);
    fs::copy_file(item.from, part);
  }
  fs::rename(part, to);
}

/// A server that answers with a page of text instead of the file is found out here.
void check_magic(const fs::path& path) {
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  if (std::string_view(magic, sizeof magic) == "GGUF") return;
  std::error_code ignored;
  fs::remove(path, ignored);
  fail(Code::data_loss, "{}: what came is not a GGUF file; it was removed", path.string());
}

/// Is the file here as it should be? A complete file has its name only after it was verified.
bool is_here(const Item& item, const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return !error && (item.bytes < 0 || static_cast<int64_t>(size) == item.bytes);
}

void bring(const Plan& plan, const Item& item, const fs::path& to, const PullOptions& options) {
  if (plan.local) {
    bring_local(item, to);
  } else {
    download({.url = item.from,
              .path = to.string(),
              .bytes = item.bytes,
              .sha256 = item.sha256,
              .headers = plan.headers,
              .on_progress = options.on_progress,
              .backoff_s = options.backoff_s});
  }
  if (!plan.folder) check_magic(to);
}

void check_space(const Plan& plan, const fs::path& folder) {
  if (plan.local) return;
  int64_t missing = 0;
  for (const Item& item : plan.items) {
    std::error_code absent;
    const auto part = fs::file_size(folder / (item.file + ".part"), absent);
    if (item.bytes >= 0 && !is_here(item, folder / item.file))
      missing += std::max<int64_t>(0, item.bytes - (absent ? 0 : static_cast<int64_t>(part)));
  }
  need_disk_space(folder.string(), missing);
}

/// Files of a folder gather in NAME.part, which the library does not list.
bool bring_all(const Plan& plan, const fs::path& target, const PullOptions& options) {
  std::error_code absent;
  const fs::path folder = plan.folder ? fs::path(target.string() + ".part") : target.parent_path();
  if (plan.folder && fs::exists(target, absent)) {
    for (const Item& item : plan.items)
      if (!is_here(item, target / item.file))
        fail(Code::already_exists, "{} holds another model: choose a --name, or `strata rm` it",
             target.string());
    return false;
  }
  fs::create_directories(folder);
  check_space(plan, folder);
  bool fetched = false;
  for (const Item& item : plan.items) {
    const fs::path to = folder / item.file;
    if (is_here(item, to)) continue;
    if (!plan.folder && fs::exists(to, absent))
      fail(Code::already_exists, "{} is another file: choose a --name, or `strata rm` it",
           to.string());
    bring(plan, item, to, options);
    fetched = true;
  }
  if (plan.folder) fs::rename(folder, target);
  return fetched || plan.folder;
}

}  // namespace

Pulled pull(const std::string& source, const PullOptions& options) {
  try {
    Plan plan = make_plan(source);
    name_items(plan, options.name);
    const fs::path library(library_folder());
    const fs::path target = library / (plan.folder ? plan.name : plan.items.front().file);
    Pulled pulled{.path = target.string()};
    pulled.was_there = !bring_all(plan, target, options);
    for (const Item& item : plan.items)
      pulled.bytes += static_cast<int64_t>(
          fs::file_size(plan.folder ? target / item.file : library / item.file));
    pulled.name = plan.folder ? plan.name : fs::path(target).stem().string();
    return pulled;
  } catch (const fs::filesystem_error& e) {
    fail(Code::unavailable, "{}: {}", e.path1().string(), e.code().message());
  }
}

}  // namespace strata::model
