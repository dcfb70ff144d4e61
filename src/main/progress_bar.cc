#include "main/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/clock.h"

namespace strata {
namespace {

constexpr double kEvery_s = 0.2;
constexpr int kWidth = 24, kNameShown = 32;

std::string time_text(double s) {
  const auto whole = static_cast<int64_t>(std::min(s, 359999.0));
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace

std::string size_text(int64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  const char* unit = "kMGTPE";
  for (value /= 1000; value >= 999.5 && unit[1]; ++unit) value /= 1000;
  return fmt::format("{:.{}f} {}B", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, *unit);
}

ProgressBar::ProgressBar(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO)) {}

ProgressBar::~ProgressBar() {
  if (!quiet_ && terminal_ && !file_.empty()) fmt::print(stderr, "\n");
}

void ProgressBar::start(const std::string& file, int64_t bytes) {
  if (terminal_ && !file_.empty()) fmt::print(stderr, "\n");
  file_ = file;
  start_s_ = now_s();
  start_bytes_ = bytes;
  drawn_s_ = 0;
}

void ProgressBar::show(const std::string& file, int64_t bytes, int64_t total) {
  if (quiet_) return;
  if (file != file_) {
    start(file, bytes);
    if (!terminal_) fmt::print(stderr, "{}: {}\n", file, total < 0 ? "?" : size_text(total));
  }
  if (!terminal_ || (bytes != total && now_s() - drawn_s_ < kEvery_s)) return;
  drawn_s_ = now_s();
  draw(bytes, total);
}

void ProgressBar::draw(int64_t bytes, int64_t total) {
  const double seconds = now_s() - start_s_;
  const double rate = seconds > 0 ? static_cast<double>(bytes - start_bytes_) / seconds : 0;
  std::string text = fmt::format("{:.{}}", file_, kNameShown);
  if (total > 0) {
    const double share = static_cast<double>(bytes) / static_cast<double>(total);
    const int full = std::clamp(static_cast<int>(share * kWidth), 0, kWidth);
    text += fmt::format(" [{}{}] {:3.0f} %", std::string(static_cast<size_t>(full), '#'),
                        std::string(static_cast<size_t>(kWidth - full), '.'), share * 100);
  }
  text += fmt::format("  {}  {}/s", size_text(bytes), size_text(static_cast<int64_t>(rate)));
  if (total > bytes && rate > 0)
    text += fmt::format("  {} left", time_text(static_cast<double>(total - bytes) / rate));
  fmt::print(stderr, "\r{}\033[K", text);
  std::fflush(stderr);
}

}  // namespace strata
