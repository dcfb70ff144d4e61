// PyTorch checkpoints: a pickle that names storages, in a ZIP archive (since 1.6) or before them.
// Source: torch/serialization.py, _save and _legacy_save.
#include "model/format/pytorch.h"

#include <map>

#include "base/error.h"
#include "model/format/byte_reader.h"
#include "model/format/pickle.h"
#include "model/format/strided.h"
#include "model/format/weight_file.h"
#include "model/format/zip.h"

namespace strata::model {
namespace {

using Storages = std::map<std::string, std::span<const uint8_t>, std::less<>>;

// A wrapper that training scripts put around a state dict.
constexpr std::string_view kWrappers[] = {"state_dict", "model_state_dict", "model", "module"};
constexpr int kDepthMax = 8;
constexpr int64_t kLegacyVersion = 1001;
// The pickle of 0x1950a86a20f9469cfc6c, protocol 2, as _legacy_save writes it.
constexpr std::string_view kLegacyMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
                                        15);

const PickleValue* find_in(const PickleValue::Dict& dict, std::string_view key) {
  for (const auto& [k, value] : dict.items)
    if (auto* text = std::get_if<std::string>(&k->v); text && *text == key) return value;
  return nullptr;
}

class Reader {
 public:
  Reader(const Storages& storages, std::string_view path) : storages_(storages), path_(path) {}

  std::vector<FoundTensor> read(const PickleValue& root) {
    const PickleValue* dict = &root;
    for (std::string_view name : kWrappers) {
      const auto* items = std::get_if<PickleValue::Dict>(&dict->v);
      const PickleValue* inner = items ? find_in(*items, name) : nullptr;
      if (inner && std::holds_alternative<PickleValue::Dict>(inner->v)) dict = inner;
    }
    if (!std::holds_alternative<PickleValue::Dict>(dict->v))
      fail(Code::data_loss, "{}: holds no dict of tensors", path_);
    walk(*dict, "", 0);
    if (found_.empty()) fail(Code::data_loss, "{}: its dict holds no tensor", path_);
    check_unique_names(found_, path_);
    return std::move(found_);
  }

 private:
  void walk(const PickleValue& value, const std::string& name, int depth) {
    if (const auto* t = std::get_if<PickleTensor>(&value.v)) return tensor(*t, name);
    const auto* dict = std::get_if<PickleValue::Dict>(&value.v);
    if (!dict) return;  // step counts, settings of the training script
    if (depth == kDepthMax)
      fail(Code::data_loss, "{}: dicts nest deeper than {}", path_, kDepthMax);
    for (const auto& [key, inner] : dict->items)
      if (const auto* text = std::get_if<std::string>(&key->v))
        walk(*inner, name.empty() ? *text : name + "." + *text, depth + 1);
  }

  void tensor(const PickleTensor& t, const std::string& name) {
    if (found_.size() >= pytorch::kTensorsMax)
      fail(Code::data_loss, "{}: more than {} tensors", path_, pytorch::kTensorsMax);
    const ElementType* element = find_element(t.element);
    if (!element)
      fail(Code::unimplemented, "{}: tensor '{}': element type '{}' is unknown", path_,
           printable(name), printable(t.element));
    const auto storage = storages_.find(t.storage.key);
    if (storage == storages_.end())
      fail(Code::data_loss, "{}: tensor '{}': its storage '{}' is missing", path_, printable(name),
           printable(t.storage.key));
    found_.push_back(
        strided_tensor(name, *element, t.shape, t.strides, t.offset, storage->second, path_));
  }

  const Storages& storages_;
  std::string_view path_;
  std::vector<FoundTensor> found_;
};

std::vector<FoundTensor> read_archive(std::span<const uint8_t> bytes, std::string_view path) {
  const std::vector<ZipEntry> entries = parse_zip(bytes, path);
  const ZipEntry* pickle = nullptr;
  for (const ZipEntry& e : entries)
    if (e.name.ends_with("/data.pkl") || e.name == "data.pkl") pickle = &e;
  if (!pickle)
    fail(Code::data_loss, "{}: an archive without data.pkl: torch.save did not write it", path);
  const std::string folder = pickle->name.substr(0, pickle->name.size() - 8);
  Storages storages;
  for (const ZipEntry& e : entries) {
    if (e.name == folder + "byteorder" &&
        std::string_view(reinterpret_cast<const char*>(e.bytes.data()), e.bytes.size()) != "little")
      fail(Code::unimplemented, "{}: written on a big-endian machine", path);
    if (e.name.starts_with(folder + "data/")) storages[e.name.substr(folder.size() + 5)] = e.bytes;
  }
  const Pickle state = read_pickle(pickle->bytes, path);
  return Reader(storages, path).read(*state.root);
}

// Magic, version and machine, each a pickle; the state; the keys of the storages; then each
// storage's number of elements and bytes.
std::vector<FoundTensor> read_legacy(std::span<const uint8_t> bytes, std::string_view path) {
  size_t at = kLegacyMagic.size();
  const auto next = [&] {
    Pickle p = read_pickle(bytes.subspan(at), path);
    at += p.bytes;
    return p;
  };
  const Pickle version = next();
  const auto* number = std::get_if<int64_t>(&version.root->v);
  if (!number || *number != kLegacyVersion)
    fail(Code::unimplemented, "{}: not version {} of torch's old format", path, kLegacyVersion);
  next();
  const Pickle state = next(), keys = next();
  std::map<std::string, int> element_bytes;
  for (const PickleValue& v : state.values)
    if (const auto* s = std::get_if<PickleStorage>(&v.v))
      if (const ElementType* e = find_element(s->element)) element_bytes[s->key] = e->bytes;
  const auto* list = std::get_if<PickleValue::List>(&keys.root->v);
  if (!list) fail(Code::data_loss, "{}: the list of storages is missing", path);
  Storages storages;
  ByteReader in(bytes.subspan(at), path);
  for (const PickleValue* key : list->items) {
    const auto* name = std::get_if<std::string>(&key->v);
    const auto size = name ? element_bytes.find(*name) : element_bytes.end();
    if (size == element_bytes.end()) fail(Code::data_loss, "{}: a storage that nothing uses", path);
    const auto count = in.number<uint64_t>("storage");
    if (count > in.remaining() / size->second)
      in.corrupt("storage", "{} elements are more than the {} bytes that follow", count,
                 in.remaining());
    const std::string_view data = in.chars(count * size->second, "storage");
    storages[*name] = {reinterpret_cast<const uint8_t*>(data.data()), data.size()};
  }
  return Reader(storages, path).read(*state.root);
}

std::vector<FoundTensor> read(const std::string& path, const MapFile& map) {
  return parse_pytorch(map(path), path);
}

const WeightFormats entry({
    .name = "pytorch",
    .order = 2,
    .indices = {"pytorch_model.bin.index.json"},
    .files = {"pytorch_model.bin", "consolidated.00.pth", "model.pt", "model.pth"},
    .extensions = {".bin", ".pt", ".pth"},
    .read = read,
});

}  // namespace

std::vector<FoundTensor> parse_pytorch(std::span<const uint8_t> bytes, std::string_view path) {
  if (is_zip(bytes)) return read_archive(bytes, path);
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()),
                               std::min(bytes.size(), kLegacyMagic.size()));
  if (start == kLegacyMagic) return read_legacy(bytes, path);
  fail(Code::data_loss, "{}: neither an archive nor the older form that torch.save writes", path);
}

}  // namespace strata::model
