#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>
#include <unordered_set>

namespace strata::log {
namespace {

constexpr size_t kOnceMax = 1024;   // distinct texts that warn_once remembers

struct Log {
  std::atomic<Level> level{Level::info};
  std::shared_ptr<spdlog::logger> out;
  std::mutex once_mutex;
  std::unordered_set<std::string> once;

  Log() : out(std::make_shared<spdlog::logger>(
              "strata", std::make_shared<spdlog::sinks::stderr_color_sink_mt>())) {
    out->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ %v");
    out->set_level(spdlog::level::debug);
    out->flush_on(spdlog::level::debug);
    const char* text = std::getenv("STRATA_LOG");
    if (!text || !*text) return;
    const std::string_view name(text);
    if (name == "debug") level = Level::debug;
    else if (name == "info") level = Level::info;
    else if (name == "warn") level = Level::warn;
    else if (name == "error") level = Level::error;
    else out->warn("STRATA_LOG must be debug, info, warn or error; using info");
  }
};

Log& process_log() {
  // Never destroyed: destructors of other statics may still log.
  static Log* log = new Log;
  return *log;
}

// A message may hold text from outside: raw control characters would forge lines or drive a
// terminal.
std::string one_line(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  for (const char c : message) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '\n') out += "\\n";
    else if (u < 0x20 || u == 0x7f) out += fmt::format("\\x{:02x}", u);
    else out += c;
  }
  return out;
}

}  // namespace

void set_level(Level level) { process_log().level = level; }

bool enabled(Level level) { return level >= process_log().level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view message) {
  if (!enabled(level)) return;
  static constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info,
                                                         spdlog::level::warn, spdlog::level::err};
  process_log().out->log(levels[static_cast<int>(level)], one_line(message));
}

void warn_once(std::string_view message) {
  Log& log = process_log();
  {
    const std::lock_guard lock(log.once_mutex);
    if (log.once.size() >= kOnceMax || !log.once.emplace(message).second) return;
  }
  write(Level::warn, message);
}

}  // namespace strata::log
