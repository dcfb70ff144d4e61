// Hugging Face folders: config.json, model.safetensors or its shards, tokenizer files.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/registry.h"
#include "model/family.h"
#include "model/format/byte_reader.h"
#include "model/format/hf_config.h"
#include "model/format/hf_mxfp4.h"
#include "model/format/hf_names.h"
#include "model/format/safetensors.h"

namespace strata::model {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSideFileMax = 256 << 20;
constexpr size_t kShardsMax = 4096;
constexpr std::string_view kWeights = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";

/// Empty if absent.
std::string read_file(const std::string& path) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    fail(errno == EACCES ? Code::permission_denied : Code::data_loss, "{}: {}", path,
         std::strerror(errno));
  }
  std::string text;
  constexpr size_t kPiece = 1 << 16;
  size_t got = 0;
  do {
    const size_t before = text.size();
    if (before > kSideFileMax)
      fail(Code::too_large, "{}: over the limit of {} bytes", path, kSideFileMax);
    text.resize(before + kPiece);
    got = std::fread(text.data() + before, 1, kPiece, file.get());
    text.resize(before + got);
  } while (got > 0);
  if (std::ferror(file.get())) fail(Code::data_loss, "{}: cannot be read", path);
  return text;
}

class HfStore final : public MappedStore {
 public:
  /// `path`: the folder, or one .safetensors file, whose folder then gives the side files.
  explicit HfStore(const std::string& path) : MappedStore(path) {
    const bool folder = fs::is_directory(path);
    folder_ = folder ? fs::path(path) : fs::path(path).parent_path();
    read_config();
    if (!folder)
      take(path, nullptr);
    else if (fs::exists(folder_ / kIndex))
      take_shards();
    else if (fs::exists(folder_ / kWeights))
      take(in_folder(kWeights), nullptr);
    else
      fail(Code::not_found,
           "{}: has neither {} nor {}; checkpoints in other formats (.bin, .pth) have to be "
           "converted to safetensors first",
           path, kWeights, kIndex);
    index();
  }

  std::string_view format() const override { return "hf"; }
  std::string side_file(std::string_view name) const override {
    return read_file(in_folder(name));
  }

 private:
  std::string in_folder(std::string_view name) const { return (folder_ / name).string(); }

  // Names and tied heads depend on the family; a folder without config.json can still be inspected.
  void read_config() {
    const std::string text = read_file(in_folder("config.json"));
    if (text.empty()) return;
    const HfConfig config(text, in_folder("config.json"));
    const Family* family = find_family_hf(config.model_type());
    if (!family) return;
    family_ = family->name;
    tied_ = config.tied().value_or(family->tied);
  }

  void take_shards() {
    const std::string index_path = in_folder(kIndex);
    const auto weights = parse_safetensors_index(read_file(index_path), index_path);
    std::set<std::string> files;
    std::set<std::pair<std::string_view, std::string_view>> wanted;   // file, tensor
    for (const auto& [name, file] : weights) {
      files.insert(file);
      if (!wanted.emplace(file, name).second)
        fail(Code::data_loss, "{}: weight_map: '{}' appears twice", index_path, printable(name));
    }
    if (files.size() > kShardsMax)
      fail(Code::data_loss, "{}: {} files are over the limit of {}", index_path, files.size(),
           kShardsMax);
    for (const std::string& file : files) take(in_folder(file), &wanted, file);
    if (!wanted.empty())
      fail(Code::data_loss, "{}: tensor '{}' is not in {}", index_path,
           printable(wanted.begin()->second), wanted.begin()->first);
  }

  /// With `wanted`, only what the index places in this file, which is then struck out.
  void take(const std::string& path,
            std::set<std::pair<std::string_view, std::string_view>>* wanted,
            std::string_view file = {}) {
    std::vector<FoundTensor> tensors = parse_safetensors(map(path).bytes(), path);
    if (wanted)
      std::erase_if(tensors, [&](const FoundTensor& found) {
        return wanted->erase({file, found.tensor.name}) == 0;
      });
    join_mxfp4(tensors);
    for (FoundTensor& found : tensors) {
      std::string name = hf_tensor_name(found.tensor.name, family_);
      // A head stored next to the embedding it is tied to is not the one to use.
      if (tied_ && name == "output.weight") name = found.tensor.name;
      align(found, path);
      add(std::move(found), std::move(name));
    }
  }

  // Headers written before the format padded them leave the data at odd addresses.
  void align(FoundTensor& found, const std::string& path) {
    graph::StoredTensor& t = found.tensor;
    if (!found.unsupported_type.empty()) return;
    const size_t unit = kernel::info(t.type).bytes;
    if (reinterpret_cast<uintptr_t>(t.data) % unit == 0) return;
    log::warn_once(fmt::format("{}: tensors are not aligned; they are copied to memory", path));
    auto& copy = copies_.emplace_back(std::make_unique<uint8_t[]>(t.bytes));
    std::memcpy(copy.get(), t.data, t.bytes);
    t.data = copy.get();
  }

  fs::path folder_;
  std::string_view family_;
  bool tied_ = false;
  std::vector<std::unique_ptr<uint8_t[]>> copies_;
};

bool detect(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) ||
         (path.ends_with(".safetensors") && fs::is_regular_file(path, error));
}

const Registry<Format> entry({
    .name = "hf",
    .detect = detect,
    .open = [](const std::string& path) -> std::unique_ptr<Store> {
      return std::make_unique<HfStore>(path);
    },
});

}  // namespace
}  // namespace strata::model
