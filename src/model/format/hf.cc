// Folders in Hugging Face's layout: config.json, weights of any framework or their shards,
// tokenizer files. One file of weights in such a folder stands for it.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/registry.h"
#include "model/family.h"
#include "model/format/byte_reader.h"
#include "model/format/hf_config.h"
#include "model/format/hf_mxfp4.h"
#include "model/format/hf_names.h"
#include "model/format/mapped_store.h"
#include "model/format/quantised.h"
#include "model/format/safetensors.h"
#include "model/format/weight_file.h"

namespace strata::model {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSideFileMax = 256 << 20;
constexpr size_t kShardsMax = 4096;

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

/// The weights of a folder: one file, or the index of several.
struct Weights {
  const WeightFormat* format;
  std::string name;
  bool index;
};

std::vector<const WeightFormat*> formats_in_order() {
  std::vector<const WeightFormat*> formats;
  WeightFormats::each([&](const WeightFormat& f) { formats.push_back(&f); });
  std::sort(formats.begin(), formats.end(), [](auto* a, auto* b) { return a->order < b->order; });
  return formats;
}

/// A known name, else the only file of the folder that has a known extension.
Weights find_weights(const fs::path& folder) {
  std::error_code ignored;
  for (const WeightFormat* f : formats_in_order()) {
    for (std::string_view name : f->indices)
      if (fs::exists(folder / name, ignored)) return {f, std::string(name), true};
    for (std::string_view name : f->files)
      if (fs::exists(folder / name, ignored)) return {f, std::string(name), false};
  }
  std::vector<Weights> others;
  for (const auto& file : fs::directory_iterator(folder, ignored)) {
    const std::string name = file.path().filename().string();
    if (const WeightFormat* f = weight_format_of(name); f && name != "training_args.bin")
      others.push_back({f, name, false});
  }
  if (others.size() == 1) return others.front();
  std::string names;
  for (const WeightFormat* f : formats_in_order())
    for (std::string_view name : f->files) names.append(names.empty() ? "" : ", ").append(name);
  if (others.empty())
    fail(Code::not_found, "{}: holds no weights; they come as {}", folder.string(), names);
  fail(Code::invalid_argument, "{}: holds {} files that could be the weights; give one of them",
       folder.string(), others.size());
}

class HfStore final : public MappedStore {
 public:
  /// `path`: the folder, or one file of weights, whose folder then gives the side files.
  explicit HfStore(const std::string& path) : MappedStore(path) {
    const bool folder = fs::is_directory(path);
    folder_ = folder ? fs::path(path) : fs::path(path).parent_path();
    read_config();
    const Weights weights =
        folder ? find_weights(folder_) : Weights{weight_format_of(path), path, false};
    container_ = weights.format->name;
    std::vector<FoundTensor> found =
        weights.index ? read_shards(weights)
                      : read(*weights.format, folder ? in_folder(weights.name) : path);
    if (weights.format->to_hf) weights.format->to_hf(found);
    resolve_quantised(found, config_, path);
    take(std::move(found));
    index();
  }

  std::string_view format() const override { return "hf"; }
  std::string_view container() const override { return container_; }
  std::string side_file(std::string_view name) const override { return read_file(in_folder(name)); }

 private:
  std::string in_folder(std::string_view name) const { return (folder_ / name).string(); }

  // Names and tied heads depend on the family; a folder without config.json can still be inspected.
  void read_config() {
    config_ = read_file(in_folder("config.json"));
    if (config_.empty()) return;
    const HfConfig config(config_, in_folder("config.json"));
    const Family* family = find_family_hf(config.model_type());
    if (!family) return;
    family_ = family->name;
    tied_ = config.tied().value_or(family->tied);
  }

  std::vector<FoundTensor> read(const WeightFormat& format, const std::string& path) {
    return format.read(path, [this](const std::string& file) { return map(file).bytes(); });
  }

  /// Only what the index places in a file is taken from it.
  std::vector<FoundTensor> read_shards(const Weights& weights) {
    const std::string index_path = in_folder(weights.name);
    const auto placed = parse_weight_index(read_file(index_path), index_path);
    std::set<std::string> files;
    std::set<std::pair<std::string_view, std::string_view>> wanted;  // file, tensor
    for (const auto& [name, file] : placed) {
      files.insert(file);
      if (!wanted.emplace(file, name).second)
        fail(Code::data_loss, "{}: weight_map: '{}' appears twice", index_path, printable(name));
    }
    if (files.size() > kShardsMax)
      fail(Code::data_loss, "{}: {} files are over the limit of {}", index_path, files.size(),
           kShardsMax);
    std::vector<FoundTensor> all;
    for (const std::string& file : files) {
      for (FoundTensor& found : read(*weights.format, in_folder(file)))
        if (wanted.erase({file, found.tensor.name}) > 0) all.push_back(std::move(found));
    }
    if (!wanted.empty())
      fail(Code::data_loss, "{}: tensor '{}' is not in {}", index_path,
           printable(wanted.begin()->second), wanted.begin()->first);
    return all;
  }

  void take(std::vector<FoundTensor> tensors) {
    join_mxfp4(tensors);
    for (FoundTensor& found : tensors) {
      std::string name = hf_tensor_name(found.tensor.name, family_);
      // A head stored next to the embedding it is tied to is not the one to use.
      if (tied_ && name == "output.weight") name = found.tensor.name;
      if (found.unsupported_type.empty()) align(found.tensor);
      if (found.unsupported_type.empty()) normalise(found.tensor);
      add(std::move(found), std::move(name));
    }
  }

  // Headers written before safetensors padded them, and pickles, leave data at odd addresses.
  static void align(graph::StoredTensor& t) {
    const int unit = kernel::info(t.type).bytes;
    if (!t.data || reinterpret_cast<uintptr_t>(t.data) % unit == 0) return;
    t.make = [data = t.data, row = t.cols() * unit](int64_t begin, int64_t end, uint8_t* out) {
      std::memcpy(out, data + begin * row, (end - begin) * row);
    };
    t.data = nullptr;
  }

  // What GGUF stores otherwise: convolution weights [channels, 1, taps] without the 1, and the
  // decay A itself in place of A_log, with A = -exp(A_log).
  static void normalise(graph::StoredTensor& t) {
    if (t.shape.size() == 3 && t.shape[1] == 1) t.shape.erase(t.shape.begin() + 1);
    if (!t.name.ends_with(".A_log")) return;
    graph::StoredTensor log = t;
    t.type = kernel::Type::f32;
    t.data = nullptr;
    t.bytes = static_cast<size_t>(t.elements()) * sizeof(float);
    t.make = [log = std::move(log)](int64_t begin, int64_t end, uint8_t* out) {
      std::vector<uint8_t> room;
      const int64_t n = (end - begin) * log.cols();
      auto* values = reinterpret_cast<float*>(out);
      kernel::to_f32(log.type, graph::rows_of(log, begin, end, room), n, values);
      for (int64_t i = 0; i < n; ++i) values[i] = -std::exp(values[i]);
    };
  }

  fs::path folder_;
  std::string config_;
  std::string_view family_, container_;
  bool tied_ = false;
};

bool detect(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error) ||
         (weight_format_of(path) && fs::is_regular_file(path, error));
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
