#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22   // Linux 5.14; older kernels refuse it
#endif

namespace strata {
namespace {

Code code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP: return Code::not_found;
    case EACCES:
    case EPERM: return Code::permission_denied;
    case EMFILE:
    case ENFILE:
    case ENOMEM: return Code::resource_exhausted;
    default: return Code::data_loss;
  }
}

[[noreturn]] void fail_errno(const char* what, const std::string& path, int error) {
  fail(code_of(error), "cannot {} '{}': {}", what, path, std::strerror(error));
}

// madvise wants whole pages: the range grows outwards for reading and shrinks inwards for dropping,
// so that a neighbour's bytes are never dropped.
void advise(const uint8_t* data, size_t file_size, size_t offset, size_t size, int advice,
            bool outwards) {
  if (offset >= file_size) return;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t end = offset + std::min(size, file_size - offset);
  const size_t first = outwards ? offset / page * page : (offset + page - 1) / page * page;
  const size_t last = outwards || end == file_size ? end : end / page * page;
  if (first < last) madvise(const_cast<uint8_t*>(data) + first, last - first, advice);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) : path_(path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fail_errno("open", path, errno);
  struct stat info {};
  if (fstat(fd, &info) != 0) {
    const int error = errno;
    close(fd);
    fail_errno("read", path, error);
  }
  if (!S_ISREG(info.st_mode) || info.st_size == 0) {
    close(fd);
    if (S_ISREG(info.st_mode)) fail(Code::data_loss, "'{}' is empty", path);
    fail(Code::not_found, "'{}' is not a regular file", path);
  }
  size_ = static_cast<size_t>(info.st_size);
  void* data = mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd, 0);
  const int error = errno;
  close(fd);
  if (data == MAP_FAILED) fail_errno("map", path, error);
  data_ = static_cast<const uint8_t*>(data);
}

MappedFile::~MappedFile() {
  if (data_) munmap(const_cast<uint8_t*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::will_need(size_t offset, size_t size) const {
  advise(data_, size_, offset, size, MADV_WILLNEED, true);
}

void MappedFile::huge_pages() const { advise(data_, size_, 0, size_, MADV_HUGEPAGE, true); }

void MappedFile::populate(size_t offset, size_t size) const {
  advise(data_, size_, offset, size, MADV_POPULATE_READ, true);
}

void MappedFile::dont_need(size_t offset, size_t size) const {
  advise(data_, size_, offset, size, MADV_DONTNEED, false);
}

}  // namespace strata
