#include "engine/kv/block_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "model/hub/sha256.h"

namespace strata::engine {

namespace {

constexpr char kMagic[] = "strata kv block 1\n";
constexpr size_t kDigestDigits = 64;

std::string_view text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string head_of(std::string_view model, const BlockKey& key, std::span<const Token> tokens,
                    size_t block_bytes) {
  std::string head = kMagic;
  head += model;
  head += '\n';
  head += key;
  head += fmt::format("\n{} {}\n", tokens.size(), block_bytes);
  head.append(reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes());
  return head;
}

std::string digest_of(std::string_view head, std::span<const uint8_t> bytes) {
  model::Sha256 hash;
  hash.add(head);
  hash.add(text(bytes));
  return hash.finish();
}

class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() { close(); }
  explicit operator bool() const { return fd_ >= 0; }
  bool write(std::string_view data) {
    while (!data.empty()) {
      const ssize_t n = ::write(fd_, data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      data.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  bool read(char* out, size_t size) {
    while (size > 0) {
      const ssize_t n = ::read(fd_, out, size);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      out += n;
      size -= static_cast<size_t>(n);
    }
    return true;
  }
  bool close() {
    const bool ok = fd_ < 0 || ::close(fd_) == 0;
    fd_ = -1;
    return ok;
  }

 private:
  int fd_;
};

[[noreturn]] void fail_write(const std::string& path, int error) {
  const Code code = error == ENOSPC || error == EDQUOT || error == EFBIG ? Code::resource_exhausted
                    : error == EACCES || error == EROFS || error == EPERM
                        ? Code::permission_denied
                        : Code::unavailable;
  fail(code, "{}: {}", path, std::strerror(error));
}

}  // namespace

void write_block_file(const std::string& path, std::string_view model, const BlockKey& key,
                      std::span<const Token> tokens, std::span<const uint8_t> bytes) {
  static std::atomic<uint64_t> counter{0};
  const std::string beside = fmt::format("{}.{}.{}.part", path, ::getpid(), counter++);
  const std::string head = head_of(model, key, tokens, bytes.size());
  errno = 0;
  File file(beside, O_WRONLY | O_CREAT | O_EXCL);
  const bool ok = file && file.write(head) && file.write(text(bytes)) &&
                  file.write(digest_of(head, bytes)) && file.close() &&
                  std::rename(beside.c_str(), path.c_str()) == 0;
  if (ok) return;
  const int error = errno ? errno : EIO;
  file.close();
  ::unlink(beside.c_str());
  fail_write(path, error);
}

bool read_block_file(const std::string& path, std::string_view model, const BlockKey& key,
                     std::span<const Token> tokens, std::span<uint8_t> bytes) {
  File file(path, O_RDONLY);
  if (!file) return false;
  const std::string expected = head_of(model, key, tokens, bytes.size());
  std::string head(expected.size(), '\0'), digest(kDigestDigits, '\0');
  char beyond = 0;
  return file.read(head.data(), head.size()) && head == expected &&
         file.read(reinterpret_cast<char*>(bytes.data()), bytes.size()) &&
         file.read(digest.data(), digest.size()) && !file.read(&beyond, 1) &&
         digest == digest_of(head, bytes);
}

size_t block_file_bytes(std::string_view model, size_t n_token, size_t block_bytes) {
  const std::vector<Token> tokens(n_token);
  return head_of(model, BlockKey(32, '0'), tokens, block_bytes).size() + block_bytes +
         kDigestDigits;
}

}  // namespace strata::engine
