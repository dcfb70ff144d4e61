// One JSON line for every request that was answered.
#pragma once
#include <cstdio>
#include <mutex>
#include <string>

#include "net/server.h"

namespace strata::serve {

/// Thread-safe.
class AccessLog {
 public:
  /// A file to append to, "-" for standard output, or "" for no log.
  /// Errors: unavailable if it cannot be opened.
  explicit AccessLog(const std::string& path);
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;

  /// {"time", "id", "remote", "key", "method", "path", "status", "bytes", "ms"}: never the query,
  /// the body, or a secret.
  void write(const net::Request& request, const net::Outcome& outcome, const std::string& key);

 private:
  std::mutex mutex_;
  std::FILE* to_ = nullptr;
};

}  // namespace strata::serve
