#include "model/format/zip.h"

#include <algorithm>

#include "model/format/byte_reader.h"

namespace strata::model {
namespace {

constexpr uint32_t kEntryMagic = 0x02014b50, kEndMagic = 0x06054b50;
constexpr uint32_t kEnd64Magic = 0x06064b50, kLocator64Magic = 0x07064b50;
constexpr size_t kEndSize = 22, kLocator64Size = 20, kCommentMax = 65535;
constexpr uint16_t kZip64Extra = 1, kEncrypted = 1;
constexpr uint32_t kIn64 = 0xffffffff;  // the real number is in the ZIP64 field

uint32_t word(std::span<const uint8_t> bytes, size_t at) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

class Parser {
 public:
  Parser(std::span<const uint8_t> bytes, std::string_view path) : bytes_(bytes), path_(path) {}

  std::vector<ZipEntry> parse() {
    find_directory();
    if (entries_ > zip::kEntriesMax)
      corrupt("{} entries are over the limit of {}", entries_, zip::kEntriesMax);
    if (directory_ > bytes_.size()) corrupt("the directory begins after the file's end");
    ByteReader in(bytes_.subspan(directory_), path_);
    std::vector<ZipEntry> out;
    for (uint64_t i = 0; i < entries_; ++i) out.push_back(entry(in));
    check_names(out);
    return out;
  }

 private:
  template <class... A>
  [[noreturn]] void corrupt(fmt::format_string<A...> what, A&&... args) const {
    fail(Code::data_loss, "{}: archive: {}", path_, fmt::format(what, std::forward<A>(args)...));
  }

  void find_directory() {
    if (bytes_.size() < kEndSize) corrupt("too short");
    const size_t last = bytes_.size() - kEndSize;
    const size_t first = last - std::min(last, kCommentMax);
    size_t at = last;
    while (word(bytes_, at) != kEndMagic) {
      if (at == first)
        corrupt("its end is missing; the file is probably truncated: fetch it again");
      --at;
    }
    ByteReader end(bytes_.subspan(at + 10), path_);
    entries_ = end.number<uint16_t>("entries");
    end.number<uint32_t>("directory size");
    directory_ = end.number<uint32_t>("directory offset");
    if (at < kLocator64Size || word(bytes_, at - kLocator64Size) != kLocator64Magic) return;
    ByteReader locator(bytes_.subspan(at - kLocator64Size + 8), path_);
    const uint64_t end64 = locator.number<uint64_t>("ZIP64 offset");
    if (end64 > bytes_.size()) corrupt("the ZIP64 end lies outside the file");
    ByteReader in(bytes_.subspan(end64), path_);
    if (in.number<uint32_t>("ZIP64 end") != kEnd64Magic) corrupt("the ZIP64 end is missing");
    in.chars(28, "ZIP64 end");
    entries_ = in.number<uint64_t>("entries");
    in.number<uint64_t>("directory size");
    directory_ = in.number<uint64_t>("directory offset");
  }

  ZipEntry entry(ByteReader& in) {
    if (in.number<uint32_t>("entry") != kEntryMagic) in.corrupt("entry", "its signature is wrong");
    in.chars(4, "entry");
    const auto flags = in.number<uint16_t>("flags"), method = in.number<uint16_t>("method");
    in.chars(8, "entry");
    uint64_t packed = in.number<uint32_t>("size"), size = in.number<uint32_t>("size");
    const auto name_size = in.number<uint16_t>("name"), extra_size = in.number<uint16_t>("extra");
    const auto comment_size = in.number<uint16_t>("comment");
    in.chars(8, "entry");
    uint64_t offset = in.number<uint32_t>("offset");
    ZipEntry out{.name = std::string(in.chars(name_size, "name")), .bytes = {}};
    const std::string_view extra = in.chars(extra_size, "extra");
    in.chars(comment_size, "comment");
    read_extra(extra, size, packed, offset);
    if (method != 0 || (flags & kEncrypted))
      fail(Code::unimplemented, "{}: archive: '{}' is {}; only stored entries can be mapped", path_,
           printable(out.name), method != 0 ? "compressed" : "encrypted");
    if (packed != size)
      corrupt("'{}' is stored, but has sizes {} and {}", printable(out.name), packed, size);
    out.bytes = data(out.name, offset, size);
    return out;
  }

  void read_extra(std::string_view extra, uint64_t& size, uint64_t& packed, uint64_t& offset) {
    ByteReader in({reinterpret_cast<const uint8_t*>(extra.data()), extra.size()}, path_);
    while (in.remaining() >= 4) {
      const auto id = in.number<uint16_t>("extra"), length = in.number<uint16_t>("extra");
      const std::string_view field = in.chars(length, "extra");
      if (id != kZip64Extra) continue;
      ByteReader wide({reinterpret_cast<const uint8_t*>(field.data()), field.size()}, path_);
      for (uint64_t* n : {&size, &packed, &offset})
        if (*n == kIn64) *n = wide.number<uint64_t>("ZIP64 sizes");
    }
  }

  std::span<const uint8_t> data(const std::string& name, uint64_t offset, uint64_t size) {
    if (offset > bytes_.size()) corrupt("'{}' begins after the file's end", printable(name));
    ByteReader in(bytes_.subspan(offset), path_);
    if (in.number<uint32_t>("local header") != zip::kLocalMagic)
      corrupt("'{}': no local header at byte {}", printable(name), offset);
    in.chars(22, "local header");
    const auto name_size = in.number<uint16_t>("name"), extra_size = in.number<uint16_t>("extra");
    in.chars(uint64_t{name_size} + extra_size, "local header");
    in.need(size, name);
    return bytes_.subspan(offset + in.at(), size);
  }

  void check_names(const std::vector<ZipEntry>& entries) const {
    std::vector<std::string_view> names;
    for (const ZipEntry& e : entries) names.push_back(e.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) corrupt("'{}' appears twice", printable(*twice));
  }

  std::span<const uint8_t> bytes_;
  std::string_view path_;
  uint64_t entries_ = 0, directory_ = 0;
};

}  // namespace

std::vector<ZipEntry> parse_zip(std::span<const uint8_t> bytes, std::string_view path) {
  return Parser(bytes, path).parse();
}

bool is_zip(std::span<const uint8_t> bytes) {
  return bytes.size() >= 4 && word(bytes, 0) == zip::kLocalMagic;
}

}  // namespace strata::model
