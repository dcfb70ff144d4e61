// A file under way: PATH.part, locked by the process that writes it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "model/hub/sha256.h"

namespace strata::model {

class PartFile {
 public:
  /// Opens or creates PATH.part. Errors: unavailable when another process has it, and for what the
  /// file system says; permission_denied.
  explicit PartFile(std::string path);
  ~PartFile();
  PartFile(const PartFile&) = delete;

  int64_t size() const { return size_; }
  /// The remote version that the bytes are a part of; empty if unknown.
  const std::string& version() const { return version_; }
  /// Forgets the bytes; those to come are of `version`.
  void restart(const std::string& version);
  /// Errors: resource_exhausted when the disk is full.
  void append(std::string_view bytes);
  /// Of all bytes, those of earlier runs included.
  std::string sha256() const;
  /// To disk and under its name.
  void publish();
  void remove();

 private:
  std::string part() const { return path_ + ".part"; }
  [[noreturn]] void failed(std::string_view doing) const;

  std::string path_, version_;
  int fd_ = -1;
  int64_t size_ = 0;
};

}  // namespace strata::model
