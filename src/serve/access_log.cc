#include "serve/access_log.h"

#include <cmath>

#include "base/clock.h"
#include "base/error.h"
#include "serve/ndjson.h"

namespace strata::serve {

constexpr size_t max_path = 512;

AccessLog::AccessLog(const std::string& path) {
  if (path.empty()) return;
  to_ = path == "-" ? stdout : std::fopen(path.c_str(), "ae");
  if (!to_) fail(Code::unavailable, "cannot open the access log '{}'", path);
}

AccessLog::~AccessLog() {
  if (to_ && to_ != stdout) std::fclose(to_);
}

void AccessLog::write(const net::Request& request, const net::Outcome& outcome,
                      const std::string& key) {
  if (!to_) return;
  const Json line = {{"time", iso_time(unix_time_s())},
                     {"id", request.id},
                     {"remote", request.remote},
                     {"key", key},
                     {"method", request.method},
                     {"path", request.path.substr(0, max_path)},
                     {"status", outcome.status},
                     {"bytes", outcome.bytes},
                     {"ms", std::round(outcome.seconds * 1e6) / 1e3}};
  const std::string text = to_text(line) + "\n";
  std::lock_guard lock(mutex_);
  std::fwrite(text.data(), 1, text.size(), to_);
  std::fflush(to_);
}

}  // namespace strata::serve
