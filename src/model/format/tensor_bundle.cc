#include "model/format/tensor_bundle.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "model/format/protobuf.h"
#include "model/format/tensorflow_names.h"

namespace strata::model {
namespace {

constexpr uint64_t kMagic = 0xdb4775248b80fb57;
constexpr size_t kFooter = 48, kTrailer = 5;  // after a block: compression, checksum

/// DataType of tensorflow/core/framework/types.proto.
constexpr std::pair<uint64_t, std::string_view> kTypes[] = {
    {1, "F32"},   {2, "F64"},   {3, "I32"},  {4, "U8"},   {5, "I16"},  {6, "I8"},  {9, "I64"},
    {10, "BOOL"}, {14, "BF16"}, {17, "U16"}, {19, "F16"}, {22, "U32"}, {23, "U64"}};

struct Range {
  uint64_t offset = 0, size = 0;
};

/// BundleEntryProto.
struct Entry {
  uint64_t type = 0, shard = 0, offset = 0, size = 0;
  std::vector<int64_t> dims;
  bool sliced = false;
};

class Parser {
 public:
  Parser(std::span<const uint8_t> index, const std::string& path, const MapFile& map)
      : index_(index), path_(path), map_(map) {}

  std::vector<FoundTensor> parse() {
    if (index_.size() < kFooter) corrupt(0, "too short for an index");
    ByteReader footer(index_.subspan(index_.size() - kFooter), path_);
    handle(footer);
    const Range blocks = handle(footer);
    ByteReader magic(index_.subspan(index_.size() - 8), path_);
    if (magic.number<uint64_t>("magic") != kMagic)
      corrupt(index_.size() - 8, "not the index of a TensorFlow checkpoint");
    size_t n = 0;
    block(blocks, [&](std::string_view, std::span<const uint8_t> value) {
      if (++n > tensor_bundle::kBlocksMax) corrupt(0, "more than {} blocks", n - 1);
      ByteReader in(value, path_);
      block(handle(in), [&](std::string_view key, std::span<const uint8_t> v) { entry(key, v); });
    });
    if (shards_ == 0) corrupt(0, "the header of the bundle is missing");
    check_unique_names(found_, path_);
    return std::move(found_);
  }

 private:
  template <class... A>
  [[noreturn]] void corrupt(uint64_t at, fmt::format_string<A...> what, A&&... args) const {
    fail(Code::data_loss, "{}: at byte {}: {}", path_, at,
         fmt::format(what, std::forward<A>(args)...));
  }

  static uint64_t varint(ByteReader& in) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = in.number<uint8_t>("varint");
      value |= uint64_t{byte & 0x7fu} << shift;
      if (!(byte & 0x80)) return value;
    }
    in.corrupt("varint", "longer than ten bytes");
  }
  static Range handle(ByteReader& in) {
    const uint64_t offset = varint(in);
    return {offset, varint(in)};
  }

  /// Calls `each` with the keys and values of a block; keys share prefixes with the one before.
  template <class F>
  void block(Range r, F&& each) {
    if (r.offset > index_.size() || r.size > index_.size() - r.offset ||
        index_.size() - r.offset - r.size < kTrailer)
      corrupt(r.offset, "a block of {} bytes leaves the file", r.size);
    if (index_[r.offset + r.size] != 0)
      fail(Code::unimplemented, "{}: its index is compressed; save it again with TensorFlow 2",
           path_);
    if (r.size < 4) corrupt(r.offset, "a block of {} bytes", r.size);
    ByteReader count(index_.subspan(r.offset + r.size - 4), path_);
    const uint64_t restarts = uint64_t{count.number<uint32_t>("restarts")} * 4 + 4;
    if (restarts > r.size) corrupt(r.offset, "restarts past the block's end");
    const auto entries = index_.subspan(r.offset, r.size - restarts);
    ByteReader in(entries, path_);
    std::string key;
    while (in.remaining() > 0) {
      const uint64_t shared = varint(in), own = varint(in), size = varint(in);
      if (shared > key.size() || own > tensor_bundle::kNameMax)
        in.corrupt("key", "{} shared and {} own bytes", shared, own);
      key.resize(shared);
      key.append(in.chars(own, "key"));
      const size_t at = in.at();
      in.chars(size, "value");
      each(key, entries.subspan(at, size));
    }
  }

  void entry(std::string_view key, std::span<const uint8_t> value) {
    if (key.empty()) return header(value);
    if (shards_ == 0) corrupt(0, "the first key is not the bundle's header");
    const Entry e = read_entry(value);
    if (e.sliced)
      fail(Code::unimplemented, "{}: variable '{}' is stored in partitions", path_, printable(key));
    const ElementType* element = nullptr;
    for (const auto& [number, name] : kTypes)
      if (number == e.type) element = find_element(name);
    if (!element) return;  // text: the graph of objects
    if (found_.size() >= tensor_bundle::kTensorsMax)
      corrupt(0, "more than {} tensors", tensor_bundle::kTensorsMax);
    const auto data = shard(e.shard);
    if (e.offset > data.size() || e.size > data.size() - e.offset)
      fail(Code::data_loss, "{}: tensor '{}': bytes {} to {} are outside its shard of {}", path_,
           printable(key), e.offset, e.offset + e.size, data.size());
    FoundTensor found =
        found_tensor(std::string(key), *element, e.dims, data.subspan(e.offset, e.size), path_);
    if (found.tensor.bytes > 0) found_.push_back(std::move(found));
  }

  // BundleHeaderProto: num_shards = 1, endianness = 2.
  void header(std::span<const uint8_t> value) {
    ProtoReader in(value, path_);
    shards_ = 1;
    while (auto field = in.next()) {
      if (field->number == 1 && field->type == WireType::varint)
        shards_ = static_cast<int>(std::min<uint64_t>(field->value, tensor_bundle::kShardsMax + 1));
      if (field->number == 2 && field->value != 0)
        fail(Code::unimplemented, "{}: written on a big-endian machine", path_);
    }
    if (shards_ < 1 || shards_ > tensor_bundle::kShardsMax) corrupt(0, "{} shards", shards_);
  }

  Entry read_entry(std::span<const uint8_t> value) {
    Entry e;
    ProtoReader in(value, path_);
    while (auto field = in.next()) {
      switch (field->number) {
        case 1: e.type = field->value; break;
        case 2: read_shape(field->bytes, e); break;
        case 3: e.shard = field->value; break;
        case 4: e.offset = field->value; break;
        case 5: e.size = field->value; break;
        case 7: e.sliced = true; break;
      }
    }
    return e;
  }

  // TensorShapeProto: dim = 2, of which size = 1.
  void read_shape(std::span<const uint8_t> bytes, Entry& e) {
    ProtoReader in(bytes, path_);
    while (auto field = in.next()) {
      if (field->number != 2) continue;
      if (e.dims.size() >= tensor_bundle::kDimsMax) corrupt(0, "a tensor of many dimensions");
      e.dims.push_back(0);
      ProtoReader dim(field->bytes, path_);
      while (auto size = dim.next())
        if (size->number == 1) e.dims.back() = static_cast<int64_t>(size->value);
    }
  }

  std::span<const uint8_t> shard(uint64_t number) {
    if (number >= static_cast<uint64_t>(shards_)) corrupt(0, "shard {} of {}", number, shards_);
    auto [it, added] = data_.try_emplace(number);
    if (added) {
      const std::string stem = path_.substr(0, path_.rfind('.'));
      it->second = map_(fmt::format("{}.data-{:05}-of-{:05}", stem, number, shards_));
    }
    return it->second;
  }

  std::span<const uint8_t> index_;
  const std::string& path_;
  const MapFile& map_;
  int shards_ = 0;
  std::map<uint64_t, std::span<const uint8_t>> data_;
  std::vector<FoundTensor> found_;
};

std::vector<FoundTensor> read(const std::string& path, const MapFile& map) {
  return parse_tensor_bundle(map(path), path, map);
}

const WeightFormats entry({
    .name = "tensorflow",
    .order = 4,
    .files = {"model.ckpt.index", "tf_model.index"},
    .extensions = {".index"},
    .read = read,
    .to_hf = tensorflow_to_hf,
});

}  // namespace

std::vector<FoundTensor> parse_tensor_bundle(std::span<const uint8_t> index,
                                             const std::string& path, const MapFile& map) {
  return Parser(index, path, map).parse();
}

}  // namespace strata::model
