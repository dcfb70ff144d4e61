#include "model/hub/download.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "model/hub/part_file.h"
#include "net/client.h"

namespace strata::model {
namespace {

constexpr int kFruitlessAttempts = 5;    // in a row, before giving up
constexpr int kAttempts = 1000;          // however much they bring
constexpr double kMaxWait_s = 60;
constexpr int64_t kSpareBytes = 64 << 20;   // of disk, left to others

std::optional<int64_t> number(std::string_view text) {
  int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n < 0) return std::nullopt;
  return n;
}

std::string header(const net::Headers& headers, std::string_view name) {
  net::ClientResponse r;
  r.headers = headers;
  return std::string(r.header(name));
}

/// First byte and total of "bytes 10-99/100" (RFC 9110, section 14.4).
struct ContentRange {
  int64_t first = -1, total = -1;
};
ContentRange content_range(std::string_view text) {
  ContentRange r;
  const size_t dash = text.find('-'), slash = text.find('/');
  if (!text.starts_with("bytes ") || dash == text.npos || slash == text.npos || dash < 6) return r;
  r.first = number(text.substr(6, dash - 6)).value_or(-1);
  r.total = number(text.substr(slash + 1)).value_or(-1);
  return r;
}

/// Weak validators do not promise equal bytes (RFC 9110, section 13.1.5).
std::string strong_etag(const net::Headers& headers) {
  const std::string etag = header(headers, "etag");
  return etag.starts_with('"') ? etag : "";
}

bool is_passing(int status) { return status == 408 || status == 429 || status >= 500; }

[[noreturn]] void refused(const Download& d, int status) {
  if (status == 404 || status == 410) fail(Code::not_found, "{}: there is no such file", d.url);
  if (status == 401 || status == 403)
    fail(Code::permission_denied, "{}: access refused (status {}): a token may be needed", d.url,
         status);
  fail(Code::unavailable, "{}: the server answers with status {}", d.url, status);
}

/// The attempts at one file.
class Fetcher {
 public:
  Fetcher(const Download& d, PartFile& part) : d_(d), part_(part), total_(d.bytes) {}

  void run() {
    int fruitless = 0;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const int64_t before = part_.size();
      retry_after_s_ = 0;
      std::string trouble = attempt_once();
      if (trouble.empty()) return;
      fruitless = part_.size() > before ? 0 : fruitless + 1;
      if (fruitless == kFruitlessAttempts) give_up(trouble);
      const double wait = std::max(retry_after_s_, d_.backoff_s * (1 << fruitless));
      log::debug("{}: {}; going on in {} s", d_.url, trouble, wait);
      std::this_thread::sleep_for(std::chrono::duration<double>(std::min(wait, kMaxWait_s)));
    }
    give_up("too many interruptions");
  }

 private:
  [[noreturn]] void give_up(const std::string& trouble) const {
    fail(Code::unavailable, "{}; {} bytes are kept, the next attempt goes on from there", trouble,
         part_.size());
  }

  /// Empty when the file is complete, else what went wrong for now.
  std::string attempt_once() {
    if (is_complete()) return {};
    if (total_ >= 0 && part_.size() > total_) part_.restart({});
    // Bytes of an unknown version can be told wrong only by a checksum.
    if (part_.size() > 0 && part_.version().empty() && d_.sha256.empty()) part_.restart({});
    net::ClientRequest request;
    request.url = d_.url;
    request.headers = d_.headers;
    request.timeout_s = d_.timeout_s;
    if (part_.size() > 0) {
      request.headers.emplace_back("Range", fmt::format("bytes={}-", part_.size()));
      if (!part_.version().empty()) request.headers.emplace_back("If-Range", part_.version());
    }
    usable_ = true;
    request.on_header = [&](int status, const net::Headers& h) { usable_ = take_head(status, h); };
    request.on_chunk = [&](std::string_view bytes) { return usable_ && take(bytes); };
    int status = 0;
    try {
      const net::ClientResponse r = net::fetch(request);
      status = r.status;
    } catch (const Error& e) {
      if (e.code() == Code::cancelled && !usable_) return "the server sent another range";
      if (e.code() != Code::unavailable) throw;
      return e.what();
    }
    if (status == 416) {
      part_.restart({});
      return fmt::format("{}: the file has changed", d_.url);
    }
    if (is_passing(status)) return fmt::format("{}: status {}", d_.url, status);
    if (status != 200 && status != 206) refused(d_, status);
    if (!usable_) return fmt::format("{}: the server sent another range", d_.url);
    if (total_ < 0) total_ = part_.size();   // the server did not say, and closed in order
    if (is_complete()) return {};
    return fmt::format("{}: the transfer ended early", d_.url);
  }

  bool is_complete() const { return total_ >= 0 && part_.size() == total_; }

  /// Is the body what was asked for?
  bool take_head(int status, const net::Headers& headers) {
    retry_after_s_ = static_cast<double>(number(header(headers, "retry-after")).value_or(0));
    int64_t total = -1;
    if (status == 206) {
      const ContentRange range = content_range(header(headers, "content-range"));
      if (range.first != part_.size()) {
        part_.restart({});
        return false;
      }
      total = range.total;
    } else if (status == 200) {
      part_.restart(strong_etag(headers));
      total = number(header(headers, "content-length")).value_or(-1);
    } else {
      return true;
    }
    if (d_.bytes >= 0 && total >= 0 && total != d_.bytes) {
      part_.remove();
      fail(Code::data_loss, "{}: the server has {} bytes where {} were listed", d_.url, total,
           d_.bytes);
    }
    if (total >= 0) total_ = total;
    if (d_.bytes < 0 && total_ >= 0)
      need_disk_space(std::filesystem::path(d_.path).parent_path().string(),
                      total_ - part_.size());
    return true;
  }

  bool take(std::string_view bytes) {
    if (total_ >= 0 && part_.size() + static_cast<int64_t>(bytes.size()) > total_) {
      part_.remove();
      fail(Code::data_loss, "{}: more than the {} bytes announced", d_.url, total_);
    }
    part_.append(bytes);
    if (d_.on_progress)
      d_.on_progress(std::filesystem::path(d_.path).filename().string(), part_.size(), total_);
    return true;
  }

  const Download& d_;
  PartFile& part_;
  int64_t total_;
  double retry_after_s_ = 0;
  bool usable_ = true;
};

}  // namespace

void need_disk_space(const std::string& folder, int64_t bytes) {
  std::error_code error;
  const auto space = std::filesystem::space(folder.empty() ? "." : folder, error);
  if (error || bytes < 0) return;
  const auto available = static_cast<int64_t>(std::min<uintmax_t>(space.available, INT64_MAX));
  if (available - kSpareBytes < bytes)
    fail(Code::resource_exhausted, "{}: {} bytes are needed and {} free", folder, bytes, available);
}

/// A failure that brought nothing leaves nothing.
static void fetch(const Download& d, PartFile& part) {
  try {
    Fetcher(d, part).run();
  } catch (...) {
    if (part.size() == 0) part.remove();
    throw;
  }
}

void download(const Download& d) {
  PartFile part(d.path);
  for (bool again = part.size() > 0;; again = false) {
    fetch(d, part);
    if (d.sha256.empty()) break;
    const std::string found = part.sha256();
    if (found == d.sha256) break;
    if (!again) {
      part.remove();
      fail(Code::data_loss, "{}: the SHA-256 is {} where {} was listed; the file was removed",
           d.url, found, d.sha256);
    }
    // What an earlier run left may have been of another version: once from the start.
    part.restart({});
  }
  part.publish();
}

}  // namespace strata::model
