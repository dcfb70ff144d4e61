#include "model/hub/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/error.h"

namespace strata::model {
namespace {

constexpr size_t kReadBytes = 1 << 20;
constexpr size_t kMaxVersionBytes = 1024;

/// Does the name still lead to the open file? Whoever held it before may have renamed it.
bool is_current(int fd, const std::string& path) {
  struct stat open_file, named;
  return fstat(fd, &open_file) == 0 && stat(path.c_str(), &named) == 0 &&
         open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

}  // namespace

void PartFile::failed(std::string_view doing) const {
  const int e = errno;
  const Code code = e == ENOSPC || e == EDQUOT ? Code::resource_exhausted
                    : e == EACCES || e == EROFS ? Code::permission_denied
                                                : Code::unavailable;
  fail(code, "{}: cannot {}: {}", part(), doing, std::strerror(e));
}

PartFile::PartFile(std::string path) : path_(std::move(path)) {
  for (;;) {
    fd_ = open(part().c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd_ < 0) failed("open it");
    if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      close(fd_);
      fail(Code::unavailable, "{}: another process is fetching this file: wait for it", path_);
    }
    if (is_current(fd_, part())) break;
    close(fd_);
  }
  size_ = lseek(fd_, 0, SEEK_END);
  std::ifstream file(part() + ".etag", std::ios::binary);
  std::getline(file, version_);
  if (version_.size() > kMaxVersionBytes) version_.clear();
}

PartFile::~PartFile() {
  if (fd_ >= 0) close(fd_);
}

void PartFile::restart(const std::string& version) {
  if (ftruncate(fd_, 0) != 0) failed("empty it");
  size_ = 0;
  version_ = version.size() > kMaxVersionBytes ? "" : version;
  std::ofstream(part() + ".etag", std::ios::binary | std::ios::trunc) << version_;
}

void PartFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) failed("write it");
    size_ += n;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

std::string PartFile::sha256() const {
  Sha256 hash;
  std::vector<char> buffer(kReadBytes);
  for (int64_t at = 0; at < size_;) {
    const ssize_t n = pread(fd_, buffer.data(), buffer.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) failed("read it");
    hash.add({buffer.data(), static_cast<size_t>(n)});
    at += n;
  }
  return hash.finish();
}

void PartFile::publish() {
  if (fsync(fd_) != 0) failed("write it to disk");
  if (rename(part().c_str(), path_.c_str()) != 0) failed("rename it");
  std::error_code ignored;
  std::filesystem::remove(part() + ".etag", ignored);
}

void PartFile::remove() {
  std::error_code ignored;
  std::filesystem::remove(part() + ".etag", ignored);
  std::filesystem::remove(part(), ignored);
}

}  // namespace strata::model
