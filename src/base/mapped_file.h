// A read-only memory-mapped file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace strata {

/// Errors: not_found, permission_denied or data_loss (empty file), with the path and errno's text.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const uint8_t> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  /// Tells the kernel that [offset, offset + size) will be read soon / is no longer needed.
  void will_need(size_t offset, size_t size) const;
  void dont_need(size_t offset, size_t size) const;
  /// Asks for page-cache pages of 2 MiB, where the file system has them.
  void huge_pages() const;
  /// Maps [offset, offset + size), reading what is not in the page cache: faults for less.
  void populate(size_t offset, size_t size) const;

 private:
  std::string path_;
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace strata
