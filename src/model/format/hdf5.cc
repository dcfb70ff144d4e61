#include "model/format/hdf5.h"

#include "base/error.h"
#include "model/format/byte_reader.h"

namespace strata::model {
namespace {

constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);
constexpr uint64_t kUndefined = UINT64_MAX;

/// Types of header messages.
enum : uint16_t {
  kDataspace = 0x01,
  kLinkInfo = 0x02,
  kDatatype = 0x03,
  kLink = 0x06,
  kLayout = 0x08,
  kFilters = 0x0b,
  kContinuation = 0x10,
  kSymbolTable = 0x11,
};

/// What an object's header says of it.
struct Object {
  std::vector<int64_t> shape;
  bool has_shape = false, filtered = false;
  const ElementType* element = nullptr;
  std::span<const uint8_t> data;
  bool has_data = false, chunked = false;
  uint64_t tree = kUndefined, heap = kUndefined;        // a group's symbol table
  std::vector<std::pair<std::string, uint64_t>> links;  // a group's compact links
};

class Parser {
 public:
  Parser(std::span<const uint8_t> bytes, std::string_view path) : bytes_(bytes), path_(path) {}

  std::vector<FoundTensor> parse() {
    if (!is_hdf5(bytes_)) fail(Code::data_loss, "{}: not an HDF5 file", path_);
    walk(root(), "", 0);
    check_unique_names(found_, path_);
    return std::move(found_);
  }

 private:
  template <class... A>
  [[noreturn]] void corrupt(uint64_t at, fmt::format_string<A...> what, A&&... args) const {
    fail(Code::data_loss, "{}: at byte {}: {}", path_, at,
         fmt::format(what, std::forward<A>(args)...));
  }
  ByteReader at(uint64_t address, std::string_view what) const {
    if (address > bytes_.size()) corrupt(address, "{} lies after the file's end", what);
    return ByteReader(bytes_.subspan(address), path_);
  }
  void count_object(uint64_t address) {
    if (++objects_ > hdf5::kObjectsMax) corrupt(address, "more than {} objects", hdf5::kObjectsMax);
  }

  uint64_t root() {
    ByteReader in = at(kSignature.size(), "superblock");
    const auto version = in.number<uint8_t>("version");
    if (version > 3) fail(Code::unimplemented, "{}: HDF5 superblock {}", path_, version);
    if (version < 2) in.chars(4, "superblock");
    const auto offsets = in.number<uint8_t>("offsets"), lengths = in.number<uint8_t>("lengths");
    if (offsets != 8 || lengths != 8)
      fail(Code::unimplemented, "{}: HDF5 addresses of {} bytes", path_, offsets);
    if (version >= 2) {
      in.chars(1 + 24, "superblock");
      return in.number<uint64_t>("root group");
    }
    in.chars(1 + 4 + 4 + (version == 1 ? 4 : 0) + 32 + 8, "superblock");
    return in.number<uint64_t>("root group");
  }

  void walk(uint64_t address, const std::string& name, int depth) {
    if (depth > hdf5::kDepthMax) corrupt(address, "groups nest deeper than {}", hdf5::kDepthMax);
    const Object object = read_object(address);
    if (object.tree != kUndefined) {
      walk_tree(object, object.tree, name, depth, 0);
    } else if (object.has_shape && object.element) {
      place(object, name, address);
    } else {
      for (const auto& [link, target] : object.links) walk(target, joined(name, link), depth + 1);
    }
  }

  static std::string joined(const std::string& folder, std::string_view name) {
    return folder.empty() ? std::string(name) : fmt::format("{}/{}", folder, name);
  }

  void walk_tree(const Object& group, uint64_t address, const std::string& name, int depth,
                 int level_from_top) {
    count_object(address);
    if (level_from_top > hdf5::kDepthMax) corrupt(address, "a group's tree is too deep");
    ByteReader in = at(address, "tree");
    const std::string_view magic = in.chars(4, "tree");
    if (magic == "SNOD") return walk_symbols(in, group, name, depth);
    if (magic != "TREE") corrupt(address, "neither a tree nor a list of symbols");
    if (in.number<uint8_t>("node type") != 0) corrupt(address, "a tree of the wrong kind");
    in.number<uint8_t>("level");
    const auto used = in.number<uint16_t>("entries");
    in.chars(16 + 8, "tree");
    for (int i = 0; i < used; ++i) {
      walk_tree(group, in.number<uint64_t>("child"), name, depth, level_from_top + 1);
      in.number<uint64_t>("key");
    }
  }

  void walk_symbols(ByteReader in, const Object& group, const std::string& name, int depth) {
    in.chars(2, "symbols");
    const auto n = in.number<uint16_t>("symbols");
    for (int i = 0; i < n; ++i) {
      const auto at_name = in.number<uint64_t>("name"), object = in.number<uint64_t>("object");
      const auto cached = in.number<uint32_t>("cache type");
      in.chars(20, "symbol");
      constexpr uint32_t kSoftLink = 2;
      if (cached != kSoftLink)
        walk(object, joined(name, heap_name(group.heap, at_name)), depth + 1);
    }
  }

  std::string_view heap_name(uint64_t heap, uint64_t offset) {
    ByteReader in = at(heap, "heap");
    if (in.chars(4, "heap") != "HEAP") corrupt(heap, "no heap of names");
    in.chars(4, "heap");
    const auto size = in.number<uint64_t>("heap size");
    in.number<uint64_t>("free list");
    const auto segment = in.number<uint64_t>("heap data");
    ByteReader data = at(segment, "heap data");
    data.need(size, "heap data");
    if (offset >= size) corrupt(segment, "a name lies outside its heap");
    data.chars(offset, "name");
    const std::string_view rest = data.peek(std::min<uint64_t>(size - offset, hdf5::kNameMax));
    const size_t end = rest.find('\0');
    if (end == rest.npos || end == 0) corrupt(segment, "a name without its end");
    return rest.substr(0, end);
  }

  Object read_object(uint64_t address) {
    count_object(address);
    ByteReader in = at(address, "object header");
    Object object;
    if (in.peek(std::min<size_t>(4, in.remaining())) == "OHDR") {
      read_header_2(in, object, address);
    } else {
      if (in.number<uint8_t>("header") != 1) corrupt(address, "no object header");
      in.chars(7, "header");
      const auto size = in.number<uint32_t>("header size");
      in.chars(4, "header");
      read_messages_1(in, size, object, 0);
    }
    return object;
  }

  void read_messages_1(ByteReader in, uint64_t size, Object& object, int depth) {
    in.need(size, "messages");
    const size_t end = in.at() + size;
    while (in.at() + 8 <= end) {
      const auto type = in.number<uint16_t>("message"), length = in.number<uint16_t>("message");
      const auto flags = in.number<uint8_t>("message");
      in.chars(3, "message");
      if (in.at() + length > end) in.corrupt("message", "it leaves its header");
      message(type, flags, body(in, length), object, depth, /*version=*/1, 0);
    }
  }

  void read_header_2(ByteReader in, Object& object, uint64_t address) {
    in.chars(4, "header");
    if (in.number<uint8_t>("version") != 2) corrupt(address, "an object header of another version");
    const auto flags = in.number<uint8_t>("flags");
    if (flags & 0x20) in.chars(16, "times");
    if (flags & 0x10) in.chars(4, "limits");
    uint64_t size = 0;
    const std::string_view bytes = in.chars(uint64_t{1} << (flags & 3), "size");
    std::memcpy(&size, bytes.data(), bytes.size());
    read_messages_2(in, size, flags, object, 0);
  }

  void read_messages_2(ByteReader in, uint64_t size, uint8_t flags, Object& object, int depth) {
    in.need(size, "messages");
    const size_t end = in.at() + size, head = flags & 4 ? 6 : 4;
    while (in.at() + head <= end) {
      const auto type = in.number<uint8_t>("message");
      const auto length = in.number<uint16_t>("message");
      const auto message_flags = in.number<uint8_t>("message");
      if (flags & 4) in.number<uint16_t>("order");
      if (in.at() + length > end) in.corrupt("message", "it leaves its header");
      message(type, message_flags, body(in, length), object, depth, 2, flags);
    }
  }

  ByteReader body(ByteReader& in, size_t length) {
    const std::string_view text = in.chars(length, "message");
    return ByteReader({reinterpret_cast<const uint8_t*>(text.data()), length}, path_);
  }

  void message(uint16_t type, uint8_t flags, ByteReader in, Object& object, int depth, int version,
               uint8_t header_flags) {
    constexpr uint8_t kShared = 2;
    if (flags & kShared) {
      if (type == kDatatype || type == kDataspace)
        fail(Code::unimplemented, "{}: an object with a shared type", path_);
      return;
    }
    switch (type) {
      case kDataspace: return dataspace(in, object);
      case kDatatype: return datatype(in, object);
      case kLayout: return layout(in, object);
      case kFilters: object.filtered = true; return;
      case kLink: return link(in, object);
      case kSymbolTable:
        object.tree = in.number<uint64_t>("tree");
        object.heap = in.number<uint64_t>("heap");
        return;
      case kLinkInfo: return link_info(in);
      case kContinuation: {
        const auto address = in.number<uint64_t>("continuation");
        const auto size = in.number<uint64_t>("continuation");
        count_object(address);
        if (depth > hdf5::kDepthMax) corrupt(address, "a header in too many pieces");
        ByteReader next = at(address, "continuation");
        if (version == 1) return read_messages_1(next, size, object, depth + 1);
        if (next.chars(4, "continuation") != "OCHK" || size < 8)
          corrupt(address, "no continuation of a header");
        return read_messages_2(next, size - 8, header_flags, object, depth + 1);
      }
    }
  }

  void dataspace(ByteReader in, Object& object) {
    const auto version = in.number<uint8_t>("dataspace"), rank = in.number<uint8_t>("rank");
    in.chars(version == 1 ? 6 : 2, "dataspace");
    if (rank > hdf5::kDimsMax) in.corrupt("dataspace", "{} dimensions", rank);
    object.shape.clear();
    for (int i = 0; i < rank; ++i) object.shape.push_back(in.number<int64_t>("dimension"));
    object.has_shape = true;
  }

  void datatype(ByteReader in, Object& object) {
    const auto kind = in.number<uint8_t>("datatype") & 15;
    const auto bits = in.number<uint8_t>("datatype");
    in.chars(2, "datatype");
    const auto size = in.number<uint32_t>("size");
    if (kind > 1) return;  // text and structures: no tensor
    if (bits & 1) fail(Code::unimplemented, "{}: numbers in big-endian order", path_);
    std::string name = fmt::format("{}{}", kind == 1 ? "F" : bits & 8 ? "I" : "U", size * 8);
    if (kind == 1 && size == 2) {
      in.chars(5, "datatype");
      if (in.number<uint8_t>("exponent") == 8) name = "BF16";
    }
    object.element = find_element(name);
  }

  void layout(ByteReader in, Object& object) {
    const auto version = in.number<uint8_t>("layout"), kind = in.number<uint8_t>("layout");
    if (version != 3 && version != 4)
      fail(Code::unimplemented, "{}: data layout of version {}", path_, version);
    object.has_data = true;
    if (kind == 0) {
      const auto size = in.number<uint16_t>("compact data");
      const std::string_view data = in.chars(size, "compact data");
      object.data = {reinterpret_cast<const uint8_t*>(data.data()), data.size()};
    } else if (kind == 1) {
      const auto address = in.number<uint64_t>("data"), size = in.number<uint64_t>("data");
      if (address == kUndefined) return;
      ByteReader data = at(address, "data");
      data.need(size, "data");
      object.data = bytes_.subspan(address, size);
    } else {
      object.chunked = true;
    }
  }

  void link(ByteReader in, Object& object) {
    in.number<uint8_t>("link");
    const auto flags = in.number<uint8_t>("link");
    const auto kind = flags & 8 ? in.number<uint8_t>("link") : uint8_t{0};
    if (flags & 4) in.chars(8, "link");
    if (flags & 16) in.chars(1, "link");
    uint64_t size = 0;
    const std::string_view bytes = in.chars(uint64_t{1} << (flags & 3), "link");
    std::memcpy(&size, bytes.data(), bytes.size());
    if (size == 0 || size > hdf5::kNameMax) in.corrupt("link", "a name of {} bytes", size);
    const std::string name(in.chars(size, "link"));
    if (kind == 0) object.links.emplace_back(name, in.number<uint64_t>("link"));
  }

  void link_info(ByteReader in) {
    in.number<uint8_t>("link info");
    const auto flags = in.number<uint8_t>("link info");
    if (flags & 1) in.chars(8, "link info");
    if (in.number<uint64_t>("link info") != kUndefined)
      fail(Code::unimplemented,
           "{}: a group with so many members that HDF5 keeps them in a heap; "
           "save it with an older library version (libver='earliest')",
           path_);
  }

  void place(const Object& object, const std::string& name, uint64_t address) {
    if (found_.size() >= hdf5::kTensorsMax)
      corrupt(address, "more than {} datasets", hdf5::kTensorsMax);
    if (object.chunked || object.filtered)
      fail(Code::unimplemented, "{}: dataset '{}' is chunked or compressed; save it contiguous",
           path_, printable(name));
    if (!object.has_data) corrupt(address, "dataset '{}' has no data", printable(name));
    const auto elements = count_elements(object.shape);
    if (elements && *elements == 0) return;
    found_.push_back(found_tensor(name, *object.element, object.shape, object.data, path_));
  }

  std::span<const uint8_t> bytes_;
  std::string_view path_;
  size_t objects_ = 0;
  std::vector<FoundTensor> found_;
};

}  // namespace

std::vector<FoundTensor> parse_hdf5(std::span<const uint8_t> bytes, std::string_view path) {
  return Parser(bytes, path).parse();
}

bool is_hdf5(std::span<const uint8_t> bytes) {
  return bytes.size() > kSignature.size() &&
         std::memcmp(bytes.data(), kSignature.data(), kSignature.size()) == 0;
}

}  // namespace strata::model
