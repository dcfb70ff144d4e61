#include "graph/layout_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"

namespace strata::graph {
namespace {

constexpr size_t kPiece = size_t{2} << 20;       // of a write: a huge page of the page cache
constexpr size_t kBufferBytes = size_t{64} << 20;

struct Header {
  char magic[16] = "strata layout 1";
  uint64_t key = 0;
  uint64_t image_bytes = 0;
  uint64_t matrices = 0;
};

// FNV-1a, 64 bits.
struct Hash {
  uint64_t value = 0xcbf29ce484222325;
  void add(const void* data, size_t n) {
    for (size_t i = 0; i < n; ++i)
      value = (value ^ static_cast<const uint8_t*>(data)[i]) * 0x100000001b3;
  }
  void add(uint64_t number) { add(&number, sizeof number); }
};

Header header_of(const Image& image) {
  Hash hash;
  for (const ImageItem& item : image.items) {
    const StoredTensor& t = *item.tensor;
    hash.add(t.name.data(), t.name.size());
    hash.add(static_cast<uint64_t>(t.type));
    for (const int64_t d : t.shape) hash.add(static_cast<uint64_t>(d));
    hash.add(item.offset);
    hash.add(item.group_bytes);
  }
  Header header;
  header.key = hash.value;
  header.image_bytes = image.bytes;
  header.matrices = image.items.size();
  return header;
}

bool fits(const ImageItem& item, const uint8_t* image, std::vector<uint8_t>& packed) {
  packed.resize(item.group_bytes);
  for (const int64_t g : {int64_t{0}, item.groups - 1}) {
    pack_groups(item, g, g + 1, packed.data());
    const uint8_t* there = image + item.offset + item.group_bytes * static_cast<size_t>(g);
    if (std::memcmp(packed.data(), there, item.group_bytes) != 0) return false;
  }
  return true;
}

[[noreturn]] void fail_write(const std::string& path, int error) {
  fail(error == EACCES || error == EPERM || error == EROFS ? Code::permission_denied
                                                           : Code::resource_exhausted,
       "cannot write the layout file '{}': {}", path, std::strerror(error));
}

// A file that takes its name when it is complete.
class NewFile {
 public:
  explicit NewFile(std::string path)
      : path_(std::move(path)), partial_(path_ + ".partial"),
        fd_(::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail_write(path_, errno);
  }
  ~NewFile() {
    if (fd_ < 0) return;
    close(fd_);
    unlink(partial_.c_str());
  }
  void write(const uint8_t* data, size_t n) {
    while (n > 0) {
      const ssize_t done = ::write(fd_, data, std::min(n, kPiece));
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) fail_write(path_, errno);
      data += done;
      n -= static_cast<size_t>(done);
    }
  }
  void finish() {
    if (fsync(fd_) != 0 || rename(partial_.c_str(), path_.c_str()) != 0) fail_write(path_, errno);
    close(fd_);
    fd_ = -1;
  }

 private:
  std::string path_, partial_;
  int fd_;
};

// Hands the image's bytes to `sink` piece by piece; groups are packed by all threads.
template <class Sink>
void stream_image(const Image& image, ThreadPool& pool, Sink&& sink) {
  std::vector<uint8_t> buffer;
  for (const ImageItem& item : image.items) {
    const auto step = std::max<int64_t>(
        1, static_cast<int64_t>(kBufferBytes / std::max<size_t>(item.group_bytes, 1)));
    for (int64_t g = 0; g < item.groups; g += step) {
      const int64_t n = std::min(step, item.groups - g);
      buffer.resize(item.group_bytes * static_cast<size_t>(n));
      pool.run([&](int t) {
        const auto [begin, end] = split_evenly(n, t, pool.size());
        if (begin < end)
          pack_groups(item, g + begin, g + end,
                      buffer.data() + item.group_bytes * static_cast<size_t>(begin));
      });
      sink(buffer.data(), buffer.size());
    }
  }
}

}  // namespace

std::optional<LayoutFile> LayoutFile::open(const std::string& path, const Image& image,
                                           ThreadPool& pool, std::string& reason) {
  reason.clear();
  std::error_code none;
  if (path.empty() || !std::filesystem::exists(path, none)) return std::nullopt;
  std::optional<LayoutFile> found;
  try {
    found = LayoutFile(MappedFile(path));
  } catch (const Error& e) {
    reason = e.what();
    return std::nullopt;
  }
  const std::span<const uint8_t> bytes = found->file_.bytes();
  const Header expected = header_of(image);
  if (bytes.size() < sizeof expected ||
      std::memcmp(bytes.data(), expected.magic, sizeof expected.magic) != 0) {
    reason = "it is no layout file of this version";
  } else if (std::memcmp(bytes.data(), &expected, sizeof expected) != 0) {
    reason = "it is of other weights";
  } else if (bytes.size() != kImageAt + image.bytes) {
    reason = fmt::format("it has {} bytes and should have {}", bytes.size(),
                         kImageAt + image.bytes);
  } else {
    std::atomic<size_t> next{0}, wrong{0};
    std::vector<std::vector<uint8_t>> packed(static_cast<size_t>(pool.size()));
    pool.run([&](int t) {
      for (size_t i; (i = next.fetch_add(1)) < image.items.size();)
        wrong += !fits(image.items[i], found->image(), packed[static_cast<size_t>(t)]);
    });
    if (wrong > 0) reason = fmt::format("{} of its matrices are packed otherwise", wrong.load());
  }
  if (!reason.empty()) return std::nullopt;
  // Mapped in pieces by all threads: as fast as the page cache or the disk gives.
  found->file_.huge_pages();
  std::atomic<size_t> piece{0};
  pool.run([&](int) {
    for (size_t at; (at = piece.fetch_add(1) * kBufferBytes) < bytes.size();)
      found->file_.populate(at, kBufferBytes);
  });
  return found;
}

void write_layout_file(const std::string& path, const Graph& graph, ThreadPool& pool) {
  const Image image = plan_image(graph);
  std::error_code none;
  const auto room = std::filesystem::space(std::filesystem::path(path).parent_path(), none);
  if (!none && room.available < LayoutFile::kImageAt + image.bytes)
    fail(Code::resource_exhausted, "the layout file '{}' needs {} bytes, the disk has {} free",
         path, LayoutFile::kImageAt + image.bytes, room.available);
  NewFile file(path);
  // Bytes that do not fill a piece wait for more: every write but the last is a whole huge page.
  std::vector<uint8_t> waiting(LayoutFile::kImageAt);
  const Header header = header_of(image);
  std::memcpy(waiting.data(), &header, sizeof header);
  stream_image(image, pool, [&](const uint8_t* data, size_t n) {
    while (n > 0) {
      if (waiting.size() == kPiece) {
        file.write(waiting.data(), kPiece);
        waiting.clear();
      }
      const size_t take = std::min(n, kPiece - waiting.size());
      waiting.insert(waiting.end(), data, data + take);
      data += take;
      n -= take;
    }
  });
  file.write(waiting.data(), waiting.size());
  file.finish();
}

}  // namespace strata::graph
